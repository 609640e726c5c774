"""The adapter for the harness that measures dts beside others does what the harness asks of an adapter."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers import ServerAt

BODIES = """
import os, time
URL, VARIANT = os.environ["PEER_REDIS_URL"], os.environ["PEER_VARIANT"]
def record(i, start, end):
    with open(os.environ["PEER_LOG"], "a") as log:
        print(i, end >= start, file=log)
def noop(i):
    record(i, 0, 0)
    return i
def sleep(i, seconds):
    time.sleep(seconds)
    return i
"""
"""As much of the harness as an adapter needs."""

CLIENT = """
import os, subprocess, sys
import peer_dts
from redis import Redis
raw = Redis.from_url(os.environ["PEER_REDIS_URL"])
commands = [command for node in peer_dts.bench_nodes() for command in node]
agents = [subprocess.Popen([sys.executable, *command[1:]]) for command in commands]
try:
    handles = [*peer_dts.submit_many("noop", [(7,), (8,)]), peer_dts.submit("sleep", 9, 0.01)]
    handles += [peer_dts.submit("argv", 10), peer_dts.submit("shell", 11)]
    print([peer_dts.wait(handle) for handle in handles])
    print(all(raw.execute_command(*command) == reply for command, reply in map(peer_dts.probe, handles)))
    print(peer_dts.stuck(raw), peer_dts.AGENTS, peer_dts.SLOTS)
finally:
    for agent in agents:
        agent.kill()
        agent.wait()
"""


@pytest.fixture
def harness(tmp_path: Path, shared_servers: Callable[[str], ServerAt]) -> dict[str, str]:
    """The environment that the harness gives its clients and, through them, the agents."""
    server = shared_servers("real")
    server.empty()
    (tmp_path / "bodies.py").write_text(BODIES)
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{Path(__file__).parent}",
        "PEER_REDIS_URL": server.url,
        "PEER_VARIANT": "a1s3q",
        "PEER_LOG": str(tmp_path / "log"),
        "TMPDIR": str(tmp_path),
    }


@pytest.mark.parametrize("variant", ["a1s3q", "t2a1s3q", "t3a1s3q"])
def test_every_kind_of_task_runs_is_recorded_and_gives_its_value_back(
    variant: str, harness: dict[str, str], tmp_path: Path
) -> None:
    said = subprocess.run(
        [sys.executable, "-c", CLIENT],
        env=harness | {"PEER_VARIANT": variant},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert said.stdout.splitlines() == ["[7, 8, 9, 0, 0]", "True", "{'pending': 0, 'running': 0} 1 3"], said.stderr
    assert sorted((tmp_path / "log").read_text().splitlines()) == ["10 True", "11 True", "7 True", "8 True"]


def test_every_variant_of_the_plan_can_be_had(harness: dict[str, str], tmp_path: Path) -> None:
    check = (
        "import bodies, peer_dts, re\n"
        "rows = [row for rows in peer_dts.PLAN.values() for row in rows]\n"
        "print(bool(rows) and all(re.fullmatch(r'(t[234])?a\\d+s\\d+q?', variant) for variant, _ in rows))"
    )
    said = subprocess.run(
        [sys.executable, "-c", check],
        env=harness,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert said.stdout == "True\n", said.stderr
