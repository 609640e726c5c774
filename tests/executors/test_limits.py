"""The limits of attempts: those of all, and those that one asks for itself. Where they can't be kept nothing runs."""

import subprocess
import sys
from pathlib import Path

from common.domain.result import Reason
from common.executors.process_trees import ProcessTrees
from tests.executors.conftest import Start

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


OWN = """
import subprocess, sys
from common.executors.control_groups import ControlGroups, NoControlGroups
from common.executors.enclosure import LimitNotKept, TaskLimits
from common.lab.until import until

groups = ControlGroups("test-limits-" + sys.argv[1], None, TaskLimits(processes=5))

def places():
    return [place for slot in groups._made for one, place in slot._limits if one.controller == "pids"]

def run(limits, forks):
    enclosure = groups.enclose({"TASK_ID": "t", "TASK_ATTEMPT": "1"}, limits)
    # It forks when it has been moved into its group, and not before.
    command = ["sh", "-c", f"read go; for i in $(seq {forks}); do sleep 60 & done"]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    enclosure.start(lambda: subprocess.Popen(command, start_new_session=True, **pipes)).communicate(b"go", 10)
    enclosure.kill(5)
    # What has ended counts until somebody has reaped it; here that is init.
    until(lambda: all(int((place / "pids.current").read_text()) == 0 for place in places()))
    print(enclosure.overrun() or "kept")
    assert enclosure.release()

try:
    groups.open()
    groups.enclose({}, TaskLimits(2**26, 100)).release()
except (NoControlGroups, LimitNotKept):
    groups.close()
    sys.exit("none")
run(TaskLimits(), 3)
run(TaskLimits(), 9)
run(TaskLimits(processes=3), 3)
run(TaskLimits(processes=100), 9)
run(TaskLimits(memory=2**25), 3)
run(TaskLimits(memory=2**30), 9)
run(TaskLimits(memory=2**20 * 4, processes=3), 3)
run(TaskLimits(), 3)
print(len(groups._made))
groups.close()
"""


def test_an_attempt_may_ask_for_tighter_limits_and_not_for_wider_ones(tmp_path: Path) -> None:
    assert _ended(OWN, tmp_path.name) in (
        "none",
        """kept
its limit of 5 processes
its limit of 3 processes
its limit of 5 processes
kept
its limit of 5 processes
its limit of 3 processes
kept
2
""",
    )


def test_one_whose_limits_can_not_be_kept_is_not_started(start: Start, tmp_path: Path) -> None:
    trees = {"enclosures": ProcessTrees()}
    for asked in ({"memory": 2**26}, {"processes": 9}):
        result = start(f"touch {tmp_path}/ran", settings=trees, **asked).result()
        assert result.reason is Reason.AGENT_ERROR
        assert "a limit that it asks for can't be kept: this agent has no control groups" in result.error
    assert not (tmp_path / "ran").exists()


def test_more_processes_than_it_may_have_end_an_attempt_however_quickly_it_starts_them(tmp_path: Path) -> None:
    assert _ended(ATTEMPT, tmp_path.name) in ("none", "-9; 0; its limit of 5 processes; True\n")


def _ended(program: str, name: str) -> str:
    """What it prints, or "none". In a process of its own, which moves itself into groups of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", program, name], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    if ended.stderr.strip() == "none":
        return "none"
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
