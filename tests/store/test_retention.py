"""Final tasks leave when their time is over, with all that belongs to them; no others do."""

import pytest
from redis import Redis

from common.domain.reports import LogChunk
from common.domain.status import FINAL, Status
from common.domain.task import Submission
from common.store.tasks import TaskStore
from common.store.writing import Limits
from tests.store.lives import AGENT, Life

RETENTION = 86_400.0


@pytest.fixture
def life(life: Life, redis: Redis) -> Life:
    life.store = TaskStore(redis, limits=Limits(retention=RETENTION))
    return life


def age(redis: Redis, status: Status, task_id: str, seconds: float = RETENTION + 1) -> None:
    """As if it had got there so long ago."""
    redis.zincrby(f"tasks:{status}", -seconds * 1000, task_id)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_nothing_of_a_task_is_left_after_its_time(status: Status, redis: Redis, life: Life) -> None:
    task_id = life.reach(status, request_id="r")
    assert life.store.purge("scan") == 0
    age(redis, status, task_id)
    assert life.store.purge("scan") == 1
    assert {str(key) for key in redis.scan_iter()} <= {"agent:agent-1", "agents:known", "leader:epoch", "bell:pending"}
    (submitted,) = life.store.submit([Submission.of(content="false", request_id="r")], "tester", life.ids)
    assert life.task(submitted.task_id).attempt == 0


def test_logs_of_all_attempts_leave_too(redis: Redis, life: Life) -> None:
    task_id = life.running()
    for _ in range(3):
        task = life.task(task_id)
        life.store.log([LogChunk(task, 0, "output")], AGENT)
        life.store.requeue([task], "STUCK", "leader", 5)
        life.claim(task_id)
    life.store.requeue([life.task(task_id)], "STUCK", "leader", 5)
    life.store.cancel([task_id], "tester")
    assert len(list(redis.scan_iter(match="*:log:*"))) == 3
    age(redis, Status.CANCELLED, task_id)
    assert life.store.purge("scan") == 1
    assert list(redis.scan_iter(match="task:*")) == []


def test_a_task_that_is_not_over_stays_however_old_it_is(redis: Redis, life: Life) -> None:
    for status in set(Status) - FINAL:
        age(redis, status, life.reach(status))
    assert life.store.purge("scan") == 0


@pytest.mark.parametrize("cancelled_again", [False, True])
def test_a_task_that_is_retried_meanwhile_stays(
    cancelled_again: bool, redis: Redis, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = life.cancelled()
    age(redis, Status.CANCELLED, task_id)
    ask = life.store._scripts.call

    def after_a_retry(name: str, *args: object) -> object:
        if name == "purge":
            monkeypatch.undo()
            life.store.retry([task_id], "somebody")
            if cancelled_again:
                life.store.cancel([task_id], "somebody")
        return ask(name, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(life.store._scripts, "call", after_a_retry)
    assert life.store.purge("scan") == 0
    assert life.task(task_id).status is (Status.CANCELLED if cancelled_again else Status.PENDING)


def test_an_index_that_lies_costs_no_live_task(redis: Redis, life: Life) -> None:
    task_id = life.running()
    redis.zadd("tasks:CANCELLED", {task_id: 1})
    assert life.store.purge("scan") == 0
    assert life.task(task_id).status is Status.RUNNING
    redis.zrem("tasks:CANCELLED", task_id)


def test_a_retried_task_has_its_whole_time_again(redis: Redis, life: Life) -> None:
    task_id = life.cancelled()
    age(redis, Status.CANCELLED, task_id)
    life.store.retry([task_id], "somebody")
    life.store.cancel([task_id], "somebody")
    assert life.store.purge("scan") == 0


def test_a_purge_is_bounded(redis: Redis, life: Life) -> None:
    for _ in range(5):
        age(redis, Status.CANCELLED, life.cancelled())
    assert life.store.purge("scan", limit=2) == 2
    assert life.store.purge("scan") == 3


def test_what_somebody_spoilt_leaves_too_and_holds_up_nobody(redis: Redis, life: Life) -> None:
    names = [life.cancelled(task_id=name) for name in ("gone", "text", "garbage", "whole")]
    redis.delete("task:gone", "task:text")
    redis.set("task:text", "somebody's")
    redis.hset("task:garbage", "attempt", "many")
    for name in names:
        age(redis, Status.CANCELLED, name)
    assert life.store.purge("scan", limit=4) == 4
    assert redis.zcard("tasks:all") == 0
    assert list(redis.scan_iter(match="task:*")) == []
