"""Retries: what failed runs again after a pause that may grow; what the agent could not run costs nothing."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from common.domain.result import Reason
from common.domain.status import Answer, Status
from common.domain.task import Task
from common.lab.until import until
from tests.stage1.desk import Desk

DELAY = 0.1


@pytest.fixture
def shared(served: Desk) -> Desk:
    return served


def reports(desk: Desk, task_id: str) -> list[dict[str, Any]]:
    return [entry for entry in desk.store.history(task_id) if entry["verb"] == "report"]


def at(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def test_one_that_fails_runs_again_until_it_succeeds(shared: Desk) -> None:
    task = shared.ran(content="[ $TASK_ATTEMPT = 3 ] || exit 7", retries=5, retryDelay=0)
    assert (task.status, task.attempt, task.failures) == (Status.SUCCESS, 3, 2)
    assert task.result
    assert task.result.exit_code == 0
    assert [entry.get("exitCode") for entry in reports(shared, task.task_id)] == [7, 7, 0]


def test_with_no_retries_it_runs_once(shared: Desk) -> None:
    task = shared.ran(content="exit 1")
    assert (task.status, task.attempt, task.failures) == (Status.FAILED, 1, 0)


def test_when_all_retries_are_used_up_it_is_failed_with_the_last_reason(shared: Desk) -> None:
    task = shared.ran(content="exit $((TASK_ATTEMPT + 10))", retries=2, retryDelay=0)
    assert (task.status, task.attempt, task.failures) == (Status.FAILED, 3, 2)
    assert task.result
    assert (task.result.reason, task.result.exit_code) == (Reason.EXIT_CODE, 13)


@pytest.mark.parametrize(
    "fields",
    [
        {"content": "sleep 60", "timeout": 0.1},
        {"content": "kill -TERM $$"},
        {"content": ["no-such-program"]},
    ],
    ids=["a time limit", "a signal", "a program that is not there"],
)
def test_other_failures_use_up_retries_too(shared: Desk, fields: dict[str, Any]) -> None:
    task = shared.ran(**fields, retries=1, retryDelay=0)
    assert (task.status, task.attempt, task.failures) == (Status.FAILED, 2, 1)


def test_a_type_that_nobody_knows_is_never_tried_again(shared: Desk) -> None:
    task = shared.ran(content="x", type="FORTRAN", retries=5, retryDelay=0)
    assert (task.status, task.attempt, task.failures) == (Status.FAILED, 1, 0)


def test_the_pause_before_a_retry_may_double_each_time_and_is_kept(shared: Desk) -> None:
    ids = shared.push_many(["exit 1"] * 12, retries=3, retryDelay=DELAY)
    tasks = [shared.ended(task_id) for task_id in ids]
    assert {task.attempt for task in tasks} == {4}

    longest = [max(pauses) for pauses in zip(*(_pauses(shared, task) for task in tasks), strict=True)]

    for failures, pause in enumerate(longest):
        assert pause <= timedelta(seconds=DELAY * 2**failures)
    # Each pause is a random part of its bound; of so many, one is beyond what the first may ever be.
    assert longest[2] > timedelta(seconds=DELAY)


def _pauses(desk: Desk, task: Task) -> list[timedelta]:
    """How long it was to wait before each retry; it must not have started earlier."""
    starts = [at(entry["at"]) for entry in desk.store.history(task.task_id) if entry["verb"] == "start"]
    failed = [entry for entry in reports(desk, task.task_id) if entry["to"] == "PENDING"]
    # A pause that is rounded to nothing has no time.
    retry_at = [at(entry.get("retryAt", entry["at"])) for entry in failed]
    assert all(start >= due for start, due in zip(starts[1:], retry_at, strict=True))
    return [due - at(entry["at"]) for entry, due in zip(failed, retry_at, strict=True)]


def test_while_it_waits_one_sees_why_and_until_when(shared: Desk) -> None:
    task_id = shared.push("echo oh no; exit 5", retries=1, retryDelay=3600)
    until(lambda: shared.redis.zscore(shared.keys.delayed, task_id))
    task = shared.task(task_id)
    assert (task.status, task.failures) == (Status.PENDING, 1)
    assert task.result
    assert (task.result.reason, task.result.exit_code, task.result.output) == (Reason.EXIT_CODE, 5, "oh no\n")
    due = at(reports(shared, task_id)[0]["retryAt"])
    assert shared.redis.zscore(shared.keys.delayed, task_id) == round(due.timestamp() * 1000)
    assert shared.cancel(task_id) is Answer.OK
    assert shared.task(task_id).status is Status.CANCELLED


def test_a_person_may_give_a_failed_one_a_new_life(shared: Desk) -> None:
    task = shared.ran(content="[ $TASK_ATTEMPT = 3 ]", retries=1, retryDelay=0)
    assert (task.status, task.attempt) == (Status.FAILED, 2)
    assert shared.store.retry([task.task_id], "person") == [Answer.OK]
    (task,) = shared.succeeded(task.task_id)
    assert (task.attempt, task.failures) == (3, 0)
