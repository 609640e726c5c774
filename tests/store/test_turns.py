"""Whose turn it is: priorities, and tasks that wait for their time."""

import pytest
from redis import Redis

from common.domain.fields import STEP, USUAL
from common.domain.result import Reason, failure
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.store.leading import Assignment
from common.store.tasks import TaskStore
from tests.store.lives import AGENT, BOOT, EPOCH, Life, millis

FAILED = failure(Reason.EXIT_CODE, "no")
LATER = "2100-02-28T23:59:59.999Z"


def claimed(store: TaskStore, limit: int = 10) -> list[str]:
    return [task.task_id for task in store.claim(AGENT, BOOT, limit) or []]


def turn(redis: Redis, task_id: str) -> float:
    score = redis.zscore("queue:pending", task_id)
    assert score is not None
    return float(score)


def test_the_highest_priority_comes_first_and_then_the_oldest(life: Life) -> None:
    for name, priority in [("a", 0), ("b", 9), ("c", 4), ("d", 9), ("e", 5), ("f", 4)]:
        life.submit(task_id=name, priority=priority)
    assert [task.task_id for task in life.store.ready()] == list("bdecfa")
    assert claimed(life.store) == list("bdecfa")


@pytest.mark.parametrize(("low", "high"), [(3, 4), (0, 9)])
def test_what_has_waited_long_enough_comes_before_all_that_is_new(
    low: int, high: int, redis: Redis, life: Life
) -> None:
    life.submit(task_id="old", priority=low)
    redis.zincrby("queue:pending", -1000 * (STEP * (high - low) + 1), "old")
    life.submit(task_id="new", priority=high)
    assert claimed(life.store) == ["old", "new"]


def test_what_has_not_waited_long_enough_waits_on(redis: Redis, life: Life) -> None:
    life.submit(task_id="old", priority=3)
    redis.zincrby("queue:pending", -1000 * (STEP - 10), "old")
    life.submit(task_id="new", priority=4)
    assert claimed(life.store) == ["new", "old"]


@pytest.mark.parametrize("priority", [0, USUAL, 9])
def test_a_turn_is_when_it_became_ready_and_a_step_for_each_priority(priority: int, redis: Redis, life: Life) -> None:
    """Whichever way it came into the queue."""
    steps = 1000 * STEP * (priority - USUAL)
    spec = {"priority": priority, "retries": 1, "retry_delay": 0}
    ways = {
        "submitted": life.submit(task_id="submitted", **spec),
        "failed": life.reported(FAILED, task_id="failed", **spec),
        "stuck": life.running(task_id="stuck", **spec),
        "by hand": life.cancelled(task_id="by-hand", **spec),
    }
    life.store.requeue([life.task("stuck")], "STUCK", "leader", EPOCH)
    life.store.retry(["by-hand"], "tester")
    for task_id in ways.values():
        assert turn(redis, task_id) == millis(life.task(task_id).updated_at) - steps
    redis.delete("queue:pending")
    before = 1000 * redis.time()[0]
    life.store.enqueue("scan")
    life.submit(task_id="waits", delay=1000, **spec)
    redis.zadd("queue:delayed", {"waits": 1})
    life.store.promote("scan")
    for task_id in [*ways.values(), "waits"]:
        assert before <= turn(redis, task_id) + steps <= before + 60_000


def test_a_priority_that_somebody_spoilt_is_the_usual_one(redis: Redis, life: Life) -> None:
    life.submit(task_id="t")
    redis.hset("task:t", "priority", "urgent")
    redis.delete("queue:pending")
    assert life.store.enqueue("scan") == (1, 1)
    assert abs(turn(redis, "t") - 1000 * redis.time()[0]) < STEP * 1000


def test_a_task_waits_until_it_is_due_and_is_not_given_out_before(redis: Redis, life: Life) -> None:
    life.submit(task_id="t", delay=1000.5)
    task = life.task("t")
    assert (task.status, task.spec.delay) == (Status.PENDING, 1000.5)
    assert millis(task.due_at) == millis(task.created_at) + 1_000_500 == redis.zscore("queue:delayed", "t")
    assert claimed(life.store) == []
    assert life.store.assign([Assignment("t", AGENT, BOOT)], "leader", EPOCH) == [(Answer.STALE_STATE, 0)]
    assert (life.store.promote("scan"), redis.llen("bell:pending")) == (0, 0)
    redis.zadd("queue:delayed", {"t": 1})
    assert (life.store.promote("scan"), redis.llen("bell:pending")) == (1, 1)
    assert claimed(life.store) == ["t"]


@pytest.mark.parametrize("start_at", [LATER, "2099-12-31T00:00:00Z", "2096-02-29T12:00:00+14:00", "2400-03-01T00:00Z"])
def test_a_time_is_kept_to_the_millisecond(start_at: str, redis: Redis, life: Life) -> None:
    life.submit(task_id="t", start_at=start_at)
    task = life.task("t")
    assert task.due_at == task.spec.start_at
    assert redis.zscore("queue:delayed", "t") == millis(start_at) == millis(task.due_at)


@pytest.mark.parametrize("start_at", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2020-02-29T23:59:59.999-12:00"])
def test_a_time_that_is_over_is_now(start_at: str, life: Life) -> None:
    life.submit(task_id="t", start_at=start_at)
    assert life.task("t").due_at == ""
    assert claimed(life.store) == ["t"]


def test_a_repeated_request_waits_no_longer(life: Life) -> None:
    asked = Submission.of(content="true", delay=1000, request_id="r")
    (first,) = life.store.submit([asked], "tester", life.ids)
    due_at = life.task(first.task_id).due_at
    assert life.store.submit([asked], "tester", life.ids)[0].answer is Answer.SAME
    assert life.task(first.task_id).due_at == due_at
    other = Submission.of(content="true", delay=1001, request_id="r")
    assert life.store.submit([other], "tester", life.ids)[0].answer is Answer.CONFLICT


def test_a_lost_queue_starts_nothing_before_its_time(redis: Redis, life: Life) -> None:
    life.submit(task_id="t", start_at=LATER)
    redis.delete("queue:delayed")
    assert life.store.enqueue("scan") == (1, 1)
    assert redis.zscore("queue:delayed", "t") == millis(LATER)
    assert claimed(life.store) == []


def test_one_that_was_cancelled_and_is_wanted_after_all_waits_for_its_time(redis: Redis, life: Life) -> None:
    life.submit(task_id="t", start_at=LATER)
    life.store.cancel(["t"], "tester")
    assert redis.zcard("queue:delayed") == 0
    assert life.store.retry(["t"], "tester") == [Answer.OK]
    assert redis.zscore("queue:delayed", "t") == millis(LATER)


def test_one_that_has_waited_for_its_time_waits_for_a_retry_like_any_other(redis: Redis, life: Life) -> None:
    life.submit(task_id="t", delay=1000, retries=1, retry_delay=0)
    redis.zadd("queue:delayed", {"t": 1})
    redis.hset("task:t", "dueAt", "2020-01-01T00:00:00.000Z")
    life.store.promote("scan")
    life.claim("t")
    life.report("t", FAILED)
    assert claimed(life.store) == ["t"]
