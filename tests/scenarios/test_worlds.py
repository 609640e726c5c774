"""A world of a scenario's own leaves nothing behind, whatever happened in it."""

from pathlib import Path

import pytest

from common.lab.acts import Fault, Push
from common.lab.errors import NoSuchMember, NoSuchStage, WrongState
from common.lab.in_process import InProcessWorld
from common.lab.probes.members import process
from common.lab.scenario import Beat, Claim, Do, Hurt, Scenario
from common.lab.stages import SERVERS_ONLY, StageSpec
from common.lab.task_processes import task_processes
from common.lab.worlds import AttachedWorld, private
from tests.scenarios.listening import Listener, player

HANG = Beat("hang", Do(Push("hang", "sleep 600")), Claim("runs", process("hang", 1, lives=True)), look=())
KILL = Beat("kill", Hurt(Fault("kill", "agent-1")), look=())


@pytest.mark.parametrize("beats", [[], [HANG], [HANG, KILL]], ids=["idle", "at work", "killed at work"])
def test_nothing_is_left_after_the_block(
    spec: StageSpec,
    scenario: Scenario,
    profile: str,
    beats: list[Beat],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with private(spec, profile, scenario.settings) as world:
        player(world, Listener()).play(beats)
    assert list(tmp_path.iterdir()) == []
    assert task_processes(tmp_path) == []


def test_nothing_is_left_where_the_block_raises(
    spec: StageSpec, scenario: Scenario, profile: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(NoSuchMember), private(spec, profile, scenario.settings) as world:
        player(world, Listener()).play([HANG, Beat("odd", Hurt(Fault("kill", "agent-7")), look=())])
    assert list(tmp_path.iterdir()) == []
    assert task_processes(tmp_path) == []


def test_what_runs_cannot_be_started_and_what_is_dead_cannot_be_killed(inside: InProcessWorld) -> None:
    with pytest.raises(WrongState, match="running"):
        inside.fault("start", "agent-1")
    inside.fault("kill", "agent-1")
    with pytest.raises(WrongState, match="dead"):
        inside.fault("kill", "agent-1")
    with pytest.raises(WrongState, match="only kill, stop, start"):
        inside.fault("freeze", "agent-1")


def test_what_is_not_ours_cannot_be_hurt(inside: InProcessWorld) -> None:
    with pytest.raises(WrongState, match="not ours"):
        AttachedWorld(inside.redis, "").fault("kill", "agent-1")


def test_a_stage_that_cannot_be_run_in_one_process_says_so(spec: StageSpec) -> None:
    unfit = StageSpec(spec.number, spec.title, spec.members)
    with pytest.raises(NoSuchStage, match="one process"):
        InProcessWorld(unfit, {})
    assert InProcessWorld(SERVERS_ONLY, {}).members()[0].name == "redis"
