"""The end of a cluster: nothing is left, whatever state it was in."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from common.lab import teardown
from common.lab.cluster import Cluster
from common.lab.errors import NotUp
from common.lab.home import MARK, Home
from common.lab.processes import KILL, end, marked
from common.lab.stages import SERVERS_ONLY, MemberSpec
from common.lab.until import until
from common.transports.redis_client import connect
from tests.lab.members import SERVER_AND_SLEEPER, nothing_left_of, shell, stage_of, states

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


def test_members_stop_in_the_reverse_of_the_order_in_which_they_start(home: Path, tmp_path: Path) -> None:
    text = f"trap 'echo {{}} >> {tmp_path}/order; exit' TERM; touch {tmp_path}/{{}}; while :; do sleep 0.01; done"
    names = ("first", "second", "third")
    cluster = Cluster.up(home, stage_of(*(shell(name, text.format(name, name), role=name) for name in names)))
    until(lambda: all((tmp_path / name).exists() for name in names))
    assert cluster.down().members == ["third", "second", "first"]
    assert (tmp_path / "order").read_text() == "third\nsecond\nfirst\n"


def test_down_ends_what_is_frozen_and_what_was_killed_before(sleepers: Cluster, home: Path) -> None:
    os.kill(sleepers.member("sleeper-1").pid, signal.SIGKILL)
    sleepers.fault("freeze", "sleeper-2")
    until(lambda: states(sleepers) == {"sleeper-1": "dead", "sleeper-2": "frozen"})
    assert Cluster.at(home).down().members == ["sleeper-2"]
    assert nothing_left_of(home)


def test_down_ends_what_a_killed_member_left_running(home: Path, tmp_path: Path) -> None:
    leaves = shell("agent-1", f"setsid sleep 1000 & setsid sh -c 'cd /; sleep 1000' & touch {tmp_path}/left; wait")
    cluster = Cluster.up(home, stage_of(leaves))
    until((tmp_path / "left").exists)
    until(lambda: len(marked(MARK, str(home))) == 4)
    cluster.fault("kill", "agent-1")
    taken = cluster.down()
    assert (taken.members, taken.strays) == ([], 3)
    assert nothing_left_of(home)


def test_down_does_what_it_can_where_the_state_is_damaged(sleepers: Cluster, home: Path) -> None:
    (home / "cluster.run" / "state.json").write_text('{"half":')
    assert sleepers.down().strays == 2
    assert nothing_left_of(home)


def test_down_finds_the_processes_of_a_home_that_somebody_removed(home: Path, profile: str) -> None:
    cluster = Cluster.up(home, SERVER_AND_SLEEPER, profile)
    shutil.rmtree(home)
    assert cluster.down().strays == 2
    assert nothing_left_of(home)


def test_down_where_nothing_is_up_is_harmless(home: Path) -> None:
    taken = Cluster(Home(home)).down()
    assert (taken.members, taken.strays) == ([], 0)
    with pytest.raises(NotUp):
        Cluster.at(home)


def test_a_pid_that_was_given_to_another_process_survives_down(sleepers: Cluster, home: Path) -> None:
    innocent = os.getpid()
    with Home(home).change() as state:
        state.members[0].pid, state.members[0].started = innocent, 1
    assert states(sleepers)["sleeper-1"] == "dead"
    taken = sleepers.down()
    assert (taken.members, taken.strays) == (["sleeper-2"], 1)


def test_data_that_is_kept_is_there_when_it_comes_up_again(home: Path, embedded: str) -> None:
    first = Cluster.up(home, SERVERS_ONLY, embedded)
    with connect(first.redis_url) as redis:
        redis.set("kept", "yes")
    first.down(keep_data=True)
    assert first.down().members == [], "a second down finds nothing up, and leaves the data"
    second = Cluster.up(home, SERVERS_ONLY, embedded)
    with connect(second.redis_url) as redis:
        assert redis.get("kept") == "yes"
    second.down()
    assert nothing_left_of(home)


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
