"""Tasks that are to have started by a time: what waits too long is ended, and never starts too late."""

import pytest
from redis import Redis

from common.domain.result import Reason, Result, failure
from common.domain.status import Answer, Status
from common.store.granting import Attempt
from common.store.leading import Assignment
from common.store.tasks import TaskStore
from tests.store.lives import AGENT, BOOT, EPOCH, Life, millis

LATER = "2100-02-28T23:59:59.999Z"
OVER = "1970-01-01T00:00:00.001Z"


def too_late(redis: Redis, *task_ids: str) -> None:
    """Time passes for these."""
    for task_id in task_ids:
        redis.hset(f"task:{task_id}", "expiresAt", OVER)
        redis.zadd("tasks:expiring", {task_id: 1})


def claimed(store: TaskStore) -> list[str]:
    return [task.task_id for task in store.claim(AGENT, BOOT, 10) or []]


def assert_expired(life: Life, task_id: str) -> None:
    task = life.task(task_id)
    assert task.status is Status.FAILED
    assert task.result == Result(Status.FAILED, Reason.EXPIRED, None, f"it had not started by {OVER}")
    assert task.finished_at
    entry = life.store.history(task_id)[-1]
    assert (entry["verb"], entry["to"], entry["reason"]) == ("expire", "FAILED", "EXPIRED")


def test_a_deadline_is_a_time_or_counts_from_when_the_task_may_start(redis: Redis, life: Life) -> None:
    life.submit(task_id="by", start_by="2100-03-01T00:59:59.999+01:00")
    life.submit(task_id="within", start_within=1000.5)
    life.submit(task_id="delayed", start_within=1000.5, delay=500)
    life.submit(task_id="at", start_within=1, start_at=LATER)
    assert life.task("by").expires_at == LATER
    within = life.task("within")
    assert (
        millis(within.expires_at) == millis(within.created_at) + 1_000_500 == redis.zscore("tasks:expiring", "within")
    )
    delayed = life.task("delayed")
    assert millis(delayed.expires_at) == millis(delayed.due_at) + 1_000_500
    assert millis(life.task("at").expires_at) == millis(LATER) + 1000
    assert life.store.expire("scan") == (0, 0)


def test_what_waits_too_long_is_failed_wherever_it_waits(redis: Redis, life: Life) -> None:
    life.submit(task_id="ready", start_within=1000)
    life.submit(task_id="delayed", start_within=1000, delay=1000)
    life.submit(task_id="patient")
    too_late(redis, "ready", "delayed")
    assert life.store.expire("scan", limit=1) == (1, 1)
    assert life.store.expire("scan") == (1, 1)
    assert life.store.expire("scan") == (0, 0)
    assert_expired(life, "ready")
    assert_expired(life, "delayed")
    assert claimed(life.store) == ["patient"]


def test_no_agent_gets_a_task_too_late_even_if_no_scan_has_looked(redis: Redis, life: Life) -> None:
    for name in ("claimed", "assigned", "first"):
        life.submit(task_id=name, start_within=1000)
    too_late(redis, "claimed", "assigned")
    assert life.store.assign([Assignment("assigned", AGENT, BOOT)], "leader", EPOCH) == [(Answer.TERMINAL, 0)]
    assert claimed(life.store) == ["first"]
    assert_expired(life, "claimed")
    assert_expired(life, "assigned")


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DISPATCHED])
def test_what_was_given_out_in_time_does_not_start_too_late(status: Status, redis: Redis, life: Life) -> None:
    task_id = life.reach(status, start_within=1000)
    too_late(redis, task_id)
    assert life.store.expire("scan") == (0, 1)
    assert life.store.expire("scan") == (0, 0), "it is looked at again later"
    assert redis.zscore("tasks:expiring", task_id)
    assert life.task(task_id).status is status
    assert life.store.start([Attempt(task_id, 1)], AGENT, BOOT) == [(Answer.TERMINAL, None)]
    assert_expired(life, task_id)
    assert life.store.held([AGENT]) == [0]


def test_what_its_agent_never_started_is_ended_when_it_is_taken_back(redis: Redis, life: Life) -> None:
    task_id = life.dispatched(start_within=1000)
    too_late(redis, task_id)
    assert life.store.requeue([life.task(task_id)], "STUCK", "leader", EPOCH) == [(Answer.OK, Status.PENDING)]
    assert life.store.expire("scan") == (1, 1)
    assert_expired(life, task_id)


@pytest.mark.parametrize("retries", [0, 3])
def test_what_has_started_in_time_may_take_its_time(retries: int, redis: Redis, life: Life) -> None:
    task_id = life.running(start_within=1000, retries=retries, retry_delay=0)
    too_late(redis, task_id)
    assert life.store.expire("scan") == (0, 1)
    assert redis.zcard("tasks:expiring") == 0
    _, after = life.report(task_id, failure(Reason.EXIT_CODE, "no"))
    assert after is (Status.PENDING if retries else Status.FAILED)
    assert claimed(life.store) == ([task_id] if retries else [])


def test_a_new_life_has_as_long_again(redis: Redis, life: Life) -> None:
    life.submit(task_id="within", start_within=1000)
    life.submit(task_id="by", start_by=LATER)
    life.submit(task_id="over", start_by="2020-01-01T00:00:00Z")
    too_late(redis, "within", "by")
    assert life.store.expire("scan") == (3, 3)
    assert life.store.retry(["within", "by", "over"], "tester") == [Answer.OK] * 3
    within = life.task("within")
    assert millis(within.expires_at) == millis(within.updated_at) + 1_000_000
    assert (life.task("by").expires_at, life.task("over").expires_at) == (LATER, "")
    assert life.store.expire("scan") == (0, 0)
    assert sorted(claimed(life.store)) == ["by", "over", "within"]


def test_a_deadline_that_somebody_spoilt_is_none(redis: Redis, life: Life) -> None:
    life.submit(task_id="t", start_within=1000)
    redis.hset("task:t", mapping={"expiresAt": "soon", "startBy": "noon"})
    redis.zadd("tasks:expiring", {"t": 1, "nobody": 1})
    assert life.store.expire("scan") == (0, 2)
    assert claimed(life.store) == ["t"]


def test_one_that_is_purged_is_not_looked_for_any_more(redis: Redis, life: Life) -> None:
    life.submit(task_id="t", start_by=LATER)
    life.store.cancel(["t"], "tester")
    redis.zadd("tasks:CANCELLED", {"t": 1})
    assert life.store.purge("scan") == 1
    assert redis.zcard("tasks:expiring") == 0


def test_why_it_waits_is_its_time_or_its_next_attempt(life: Life) -> None:
    life.submit(task_id="t", start_at=LATER)
    assert life.store.waiting("t") == f'{{"because": "it waits for its time", "until": "{LATER}"}}'
    task_id = life.reported(failure(Reason.EXIT_CODE, "no"), retries=1, retry_delay=1000)
    assert '"it waits for its next attempt"' in life.store.waiting(task_id)
