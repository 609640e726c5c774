"""The chaos command at its shortest, on real servers; and that what it does and judges by is what it says."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from common.doctor.history.client_log import ClientLog
from common.domain.errors import Unanswered, Unavailable
from common.domain.status import Answer
from common.domain.task import Submission
from common.lab.until import until
from common.store.submitting import Submitted
from tests.chaos.__main__ import chaos
from tests.chaos.faults import Blow, Kind, Storm
from tests.chaos.load import Load
from tests.chaos.verdict import _recoveries
from tests.stage1.journal import Journal

HURT = ("redis frozen", "redis killed", "zookeeper frozen", "leader frozen", "agent killed")
"""What no other test of a whole system does while tasks flow in."""


@pytest.mark.timeout(300)
def test_a_whole_stage_5_on_real_servers_loses_nothing_and_breaks_no_invariant(
    binary_of: Callable[[str], Path],
) -> None:
    binary_of("real")
    words = ["--faults", str(len(HURT)), "--minutes", "3", "--every", "2..3", "--rate", "10", "--agents", "2"]
    shown = CliRunner().invoke(chaos, [*words, "--seed", "5", *(word for one in HURT for word in ("--only", one))])
    assert shown.exit_code == 0, shown.output
    assert {line.split("\t")[0] for line in shown.stdout.splitlines()} >= set(HURT)
    assert "0 lost, 0 violations" in shown.stdout
    assert "not checked" not in shown.stdout


def test_a_fault_that_there_is_not_is_refused_with_those_that_there_are(binary_of: Callable[[str], Path]) -> None:
    binary_of("real")
    shown = CliRunner().invoke(chaos, ["--stage", "2", "--profile", "embedded", "--only", "moon", "--faults", "1"])
    assert shown.exit_code == 2
    assert "redis frozen" in shown.output
    assert "kafka" not in shown.output


class Members:
    """Faults that only say when they were done."""

    def __init__(self) -> None:
        self.now = 0.0

    def strike(self, kind: Kind) -> Blow:
        self.now += 1
        return Blow(kind, "member", self.now, self.now + 0.5)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_brings_the_same_faults_and_each_kind_comes_in_turn(seed: int) -> None:
    wanted = [Kind(role, verb) for role in ("agent", "redis") for verb in ("kill", "freeze")]

    def raged() -> list[str]:
        storm = Storm(Members(), random.Random(seed), (0.0, 0.0))  # type: ignore[arg-type]
        storm.rage(wanted, lambda: len(storm.blows) >= 8, lambda _: None)
        return [str(blow.kind) for blow in storm.blows]

    first = raged()
    assert first == raged()
    assert sorted(first[:4]) == sorted(first[4:]) == sorted(map(str, wanted))


class Moody:
    """Answers the first time with trouble, then as it should."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}

    def submit_all(self, submissions: Sequence[Submission], by: str = "") -> list[Submitted]:
        (one,) = submissions
        request = str(one.request_id)
        self.asked[request] = self.asked.get(request, 0) + 1
        if self.asked[request] == 1:
            raise Unanswered("the line broke")
        if self.asked[request] == 2:
            raise Unavailable("nobody there")
        return [Submitted(f"task-{request}", Answer.SAME)]

    def cancel(self, task_ids: Sequence[str], by: str = "") -> list[Answer]:
        return [Answer.REQUESTED]


def test_the_load_asks_until_it_knows_and_writes_down_each_answer(tmp_path: Path) -> None:
    moody = Moody()
    load = Load(moody, Journal(tmp_path), tmp_path / "calls", rate=200, seed=1)
    load.start()
    until(lambda: len(moody.asked) > 20, 30)
    log = load.stop()
    assert len(log.stored) == len(moody.asked)
    some = log.stored[0]
    assert [call.outcome for call in log.of(some, some.removeprefix("task-"))][:3] == ["unknown", "fail", "ok"]
    assert [call.outcome for call in ClientLog.read(tmp_path / "calls").calls] == [call.outcome for call in log.calls]


def test_a_system_is_itself_again_when_a_task_that_came_after_the_fault_has_ended() -> None:
    blow = Blow(Kind("redis", "kill"), "redis", 10, 12)
    assert list(_recoveries([(9, 30), (11, 12.5), (12.5, 15), (13, 14.5), (14, 0)], [blow])) == [2.5]
    assert list(_recoveries([(9, 30)], [blow])) == []
