"""The checker sees each contradiction, so that its silence means something."""

import json
from collections.abc import Callable

import pytest
from redis import Redis

from common.domain.status import Status
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from tests.store.invariants import contradictions
from tests.store.lives import Life

Spoil = Callable[[Redis, Keys], object]


def rewrite_last_entry(**changed: object) -> Spoil:
    def spoil(redis: Redis, keys: Keys) -> None:
        entry = json.loads(str(redis.lindex(keys.history("ended"), -1)))
        redis.lset(keys.history("ended"), -1, json.dumps(entry | changed))

    return spoil


SPOILED: dict[str, Spoil] = {
    "tasks:all is not the tasks": lambda redis, keys: redis.zrem(keys.all, "ended"),
    "ended: SUCCESS, but not in its index": lambda redis, keys: redis.zrem(keys.index(Status.SUCCESS), "ended"),
    "ended: not FAILED, but in its index": lambda redis, keys: redis.zadd(keys.index(Status.FAILED), {"ended": 1}),
    "waiting: PENDING, but in no queue": lambda redis, keys: redis.delete(keys.pending),
    "waiting: in both queues": lambda redis, keys: redis.zadd(keys.delayed, {"waiting": 1}),
    "ended: in a queue, but not PENDING": lambda redis, keys: redis.zadd(keys.pending, {"ended": 1}),
    "bound: is to have started by a time, but not in": lambda redis, keys: redis.delete(keys.expiring),
    "nobody: there is no such task, but in": lambda redis, keys: redis.zadd(keys.expiring, {"nobody": 1}),
    "ended: its hash would expire": lambda redis, keys: redis.expire(keys.task("ended"), 100),
    "finishedAt ''": lambda redis, keys: redis.hdel(keys.task("ended"), "finishedAt"),
    "ended: it ends at None": lambda redis, keys: redis.delete(keys.history("ended")),
    "ended: it ends at RUNNING": lambda redis, keys: redis.rpop(keys.history("ended")),
    "jumps from RUNNING to SCHEDULED": rewrite_last_entry(**{"from": "SCHEDULED"}),
    "cancel took it from RUNNING to SUCCESS": rewrite_last_entry(verb="cancel"),
    "report is told of attempt 2 after attempt 1": rewrite_last_entry(attempt=2),
    "Invalid isoformat string: 'yesterday'": rewrite_last_entry(at="yesterday"),
    "'2026-01-01' is no instant": rewrite_last_entry(at="2026-01-01"),
}


@pytest.mark.parametrize("expected", SPOILED)
def test_a_contradiction_is_told(expected: str, redis: Redis, keys: Keys) -> None:
    life = Life(TaskStore(redis, keys), Leases(redis, keys))
    life.submit(task_id="waiting")
    life.submit(task_id="bound", start_within=1000)
    life.reach(Status.SUCCESS, task_id="ended")
    assert contradictions(redis, keys) == []

    SPOILED[expected](redis, keys)

    assert expected in "\n".join(contradictions(redis, keys))
