"""An agent asks before it starts anything."""

from collections.abc import Sequence
from typing import Any

import pytest

from common.domain.errors import Unanswered, Unavailable
from common.domain.status import Answer
from common.domain.task import Submission
from common.store.codec import fields_of
from common.store.granting import Attempt
from stage2_zk.told import Told
from stage4_api.gate import GatedInbox

RUNS = dict(zip(*[iter(fields_of(Submission.of(content="echo granted")))] * 2, strict=True))
TIMES = {"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}


class Manager:
    """A gate that says what a test tells it to."""

    def __init__(self) -> None:
        self.says: dict[str, Answer] = {}
        self.trouble: list[Exception] = []
        self.spoilt: set[str] = set()
        self.asked: list[Sequence[Attempt]] = []

    def start(self, attempts: Sequence[Attempt], agent: str, boot: str) -> list[tuple[Answer, dict[str, str]]]:
        assert (agent, boot) == ("agent-1", "b")
        self.asked.append(attempts)
        if self.trouble:
            raise self.trouble.pop()
        return [self._answer(one) for one in attempts]

    def _answer(self, one: Attempt) -> tuple[Answer, dict[str, str]]:
        answer = self.says.get(one.task_id, Answer.OK)
        if not answer.done:
            return answer, {}
        own = {"taskId": one.task_id, "status": "RUNNING", "attempt": str(one.attempt), "agent": "agent-1", "boot": "b"}
        return answer, RUNS | TIMES | own | ({"timeout": "soon"} if one.task_id in self.spoilt else {})


class Reported:
    def __init__(self) -> None:
        self.ends: list[Any] = []

    def finished(self, ends: Sequence[Any]) -> None:
        self.ends += ends


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def manager() -> Manager:
    return Manager()


@pytest.fixture
def reported() -> Reported:
    return Reported()


@pytest.fixture
def inbox(told: Told, manager: Manager, reported: Reported) -> GatedInbox:
    return GatedInbox(told, manager, reported, "agent-1", "b")  # type: ignore[arg-type]


def ids(inbox: GatedInbox, limit: int = 10) -> list[str]:
    return [task.task_id for task in inbox.take(limit, 0)]


def test_what_is_granted_runs_as_the_grant_says_and_one_call_asks_for_all(
    inbox: GatedInbox, told: Told, manager: Manager
) -> None:
    told.note([("a", 1), ("b", 1), ("c", 1)])
    tasks = inbox.take(2, 0)
    assert [(task.task_id, task.spec.content, task.attempt) for task in tasks] == [
        ("a", "echo granted", 1),
        ("b", "echo granted", 1),
    ]
    assert manager.asked == [[Attempt("a", 1), Attempt("b", 1)]]


@pytest.mark.parametrize("answer", [answer for answer in Answer if not answer.done])
def test_what_is_refused_does_not_run_and_is_not_asked_for_again(
    inbox: GatedInbox, told: Told, manager: Manager, answer: Answer
) -> None:
    manager.says["a"] = answer
    told.note([("a", 1), ("b", 1)])
    assert ids(inbox) == ["b"]
    told.note([("a", 1), ("b", 1)])
    assert ids(inbox) == []


@pytest.mark.parametrize("trouble", [Unavailable("nobody answers"), Unanswered("lost"), RuntimeError("a bug")])
def test_without_an_answer_nothing_runs_and_it_is_asked_again(
    inbox: GatedInbox, told: Told, manager: Manager, trouble: Exception
) -> None:
    told.note([("a", 1)])
    manager.trouble = [trouble]
    with pytest.raises(type(trouble)):
        inbox.take(10, 0)
    # It was granted, and the answer was lost.
    manager.says["a"] = Answer.SAME
    assert ids(inbox) == ["a"]


def test_what_nobody_can_run_is_told_of_and_harms_nobody(
    inbox: GatedInbox, told: Told, manager: Manager, reported: Reported
) -> None:
    manager.spoilt = {"a"}
    told.note([("a", 1), ("b", 1)])
    assert ids(inbox) == ["b"]
    (end,) = reported.ends
    assert (end.task.task_id, end.result.reason) == ("a", "UNREADABLE")
    assert "timeout is 'soon'" in end.result.error


def test_nothing_told_means_nothing_asked(inbox: GatedInbox, manager: Manager) -> None:
    assert ids(inbox) == []
    assert manager.asked == []
