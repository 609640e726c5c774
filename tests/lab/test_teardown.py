"""Whom the end of a cluster waits for, and whom it finds left behind."""

import sys
from pathlib import Path

import pytest

from common.lab import teardown
from common.lab.cluster import Cluster
from common.lab.processes import KILL, end
from common.lab.stages import MemberSpec
from common.lab.until import until
from tests.lab.members import nothing_left_of, stage_of

FENCED = """
import os, sys, time
from pathlib import Path
from stage1_mvp import fence

fence.be_called(fence.FENCE)
parent = os.getpid()
if os.fork():
    time.sleep(1000)
fence.be_called(fence.AGENT)
Path(sys.argv[1], "there").touch()
while os.getppid() == parent or sys.argv[2:]:
    time.sleep(0.01)
time.sleep(0.5)
"""
"""A fence, and an agent that takes half a second to end when it has lost that; or that goes on."""


@pytest.fixture
def _fences_have_to_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = end
    monkeypatch.setattr(teardown, "end", lambda processes, steps=KILL: usual(processes, steps))


@pytest.mark.usefixtures("_fences_have_to_be_killed")
@pytest.mark.parametrize(("more", "left"), [((), 0), (("goes on",), 1)])
def test_an_agent_whose_fence_was_killed_may_end_by_itself(
    home: Path, tmp_path: Path, more: tuple[str, ...], left: int
) -> None:
    command = (sys.executable, "-c", FENCED, str(tmp_path), *more)
    cluster = Cluster.up(home, stage_of(MemberSpec("agent-1", "sleeper", command)))
    until((tmp_path / "there").exists)
    assert cluster.down() == teardown.TakenDown(["agent-1"], left)
    assert nothing_left_of(home)
