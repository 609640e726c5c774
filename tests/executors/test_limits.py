"""The limits of an attempt hold for what it started before it could be put into its group, too."""

import subprocess
import sys
from pathlib import Path

ATTEMPT = """
import subprocess, sys
import psutil
from common.executors.control_groups import ControlGroups, NoControlGroups
from common.executors.enclosure import TaskLimits
from common.lab.until import until

groups = ControlGroups("test-limits-" + sys.argv[1], None, TaskLimits(processes=5))
try:
    groups.open()
except NoControlGroups:
    sys.exit("none")
if not groups.limitings:
    groups.close()
    sys.exit("none")
enclosure = groups.enclose({"TASK_ID": "t", "TASK_ATTEMPT": "1"})

def late():
    # As on a machine so busy that the process is moved when it has forked all that it wanted.
    process = subprocess.Popen(["sh", "-c", "for i in $(seq 20); do sleep 60 & done; wait"], start_new_session=True)
    until(lambda: len(psutil.Process(process.pid).children()) == 20)
    return process

process = enclosure.start(late)
code = process.wait(10)
print(code, enclosure.left(), enclosure.overrun(), enclosure.release(), sep="; ")
groups.close()
"""


def test_more_processes_than_it_may_have_end_an_attempt_however_quickly_it_starts_them(tmp_path: Path) -> None:
    # In a process of its own, which moves itself into groups of its own.
    ended = subprocess.run(
        [sys.executable, "-c", ATTEMPT, tmp_path.name], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    no_limits_here = ended.stderr.strip() == "none"
    assert no_limits_here or ended.stdout == "-9; 0; its limit of 5 processes; True\n", ended.stderr
