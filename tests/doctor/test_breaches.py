"""Each breach, made by hand, is found; repaired where that is promised and left alone where it is not."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from redis import Redis

from tests.doctor.conftest import RETENTION, Surgery
from tests.store.invariants import contradictions, difference, snapshot
from tests.store.lives import AGENT

Spoil = Callable[[Redis], object]


@dataclass(frozen=True)
class Breach:
    rule: str
    subject: str
    seen: str
    spoil: Spoil
    done: str = ""
    """Part of what the repair says; empty where there is none."""


def entry(task_id: str, **changed: object) -> Spoil:
    def spoil(redis: Redis) -> object:
        history = f"task:{task_id}:history"
        return redis.lset(history, -1, json.dumps(json.loads(str(redis.lindex(history, -1))) | changed))

    return spoil


def field(task_id: str, name: str, value: str | None) -> Spoil:
    def spoil(redis: Redis) -> object:
        task = f"task:{task_id}"
        return redis.hdel(task, name) if value is None else redis.hset(task, name, value)

    return spoil


def enter(member: str, *places: str) -> Spoil:
    return lambda redis: [redis.zadd(place, {member: redis.time()[0] * 1000}) for place in places]


def gone(task_id: str) -> Spoil:
    return lambda redis: redis.delete(f"task:{task_id}", f"task:{task_id}:history")


def old(member: str, key: str, seconds: float) -> Spoil:
    return lambda redis: redis.zincrby(key, -seconds * 1000, member)


def two(*spoils: Spoil) -> Spoil:
    return lambda redis: [spoil(redis) for spoil in spoils]


REPAIRED = [
    Breach(
        "holdings",
        "running",
        f"RUNNING, and not in agent:{AGENT}:tasks",
        lambda redis: redis.zrem(f"agent:{AGENT}:tasks", "running"),
        f"put into agent:{AGENT}:tasks",
    ),
    Breach(
        "holdings",
        "agent:agent-7:tasks",
        "names running, not with it",
        enter("running", "agent:agent-7:tasks"),
        "1 taken out of agent:agent-7:tasks",
    ),
    Breach(
        "indexes",
        "success",
        "SUCCESS, and not in tasks:SUCCESS",
        lambda redis: redis.zrem("tasks:SUCCESS", "success"),
        "put into tasks:SUCCESS",
    ),
    Breach(
        "indexes",
        "running",
        "RUNNING, and not in tasks:all",
        lambda redis: redis.zrem("tasks:all", "running"),
        "put into tasks:all",
    ),
    Breach(
        "indexes",
        "running",
        "RUNNING, and in tasks:FAILED",
        enter("running", "tasks:FAILED"),
        "taken out of tasks:FAILED",
    ),
    Breach(
        "queues",
        "pending",
        "PENDING, and in no queue",
        lambda redis: redis.zrem("queue:pending", "pending"),
        "put into queue:pending",
    ),
    Breach(
        "queues",
        "delayed",
        "PENDING, and in no queue",
        lambda redis: redis.zrem("queue:delayed", "delayed"),
        "put into queue:pending",
    ),
    Breach(
        "queues",
        "delayed",
        "in both queues",
        enter("delayed", "queue:pending"),
        "taken out of queue:delayed",
    ),
    Breach(
        "queues",
        "failed",
        "FAILED, and in queue:delayed, queue:pending",
        enter("failed", "queue:pending", "queue:delayed"),
        "taken out of queue:pending; taken out of queue:delayed",
    ),
    Breach(
        "queues",
        "bound",
        "PENDING, and in no queue",
        lambda redis: redis.zrem("queue:delayed", "bound"),
        "put into queue:delayed",
    ),
    Breach(
        "deadlines",
        "bound",
        "PENDING, to have started by '2100-01-02T00:00:00.000Z', and not in tasks:expiring",
        lambda redis: redis.zrem("tasks:expiring", "bound"),
        "put into tasks:expiring",
    ),
    Breach(
        "ghosts",
        "nobody",
        "stands in tasks:expiring, and there is no such task",
        enter("nobody", "tasks:expiring"),
        "taken out of tasks:expiring",
    ),
    Breach(
        "cancels",
        "running",
        "RUNNING, somebody asked to cancel it, and not in tasks:cancelling",
        field("running", "cancelRequested", "1"),
        "put into tasks:cancelling",
    ),
    Breach(
        "cancels",
        "running",
        "RUNNING, nobody asked to cancel it, and in tasks:cancelling",
        enter("running", "tasks:cancelling"),
        "taken out of tasks:cancelling",
    ),
    Breach(
        "cancels",
        "success",
        "SUCCESS, nobody asked to cancel it, and in tasks:cancelling",
        enter("success", "tasks:cancelling"),
        "taken out of tasks:cancelling",
    ),
    Breach(
        "ghosts",
        "nobody",
        "stands in tasks:cancelling, and there is no such task",
        enter("nobody", "tasks:cancelling"),
        "taken out of tasks:cancelling",
    ),
    Breach(
        "ghosts",
        "pending",
        "stands in queue:pending, tasks:PENDING, tasks:all, and there is no such task",
        gone("pending"),
        "taken out of tasks:all; taken out of queue:pending",
    ),
    Breach(
        "ghosts",
        "no\x1bbody",
        "stands in tasks:RUNNING, and there is no such task",
        enter("no\x1bbody", "tasks:RUNNING"),
        "taken out of tasks:RUNNING",
    ),
    Breach(
        "expiry",
        "running",
        "has a TTL: task:running",
        lambda redis: redis.expire("task:running", 1000),
        "made to stay: task:running",
    ),
    Breach(
        "expiry",
        "success",
        "has a TTL: task:success:history",
        lambda redis: redis.expire("task:success:history", 1000),
        "made to stay: task:success:history",
    ),
    Breach(
        "requests",
        "asked",
        "its requestId 'r 1' is not remembered",
        lambda redis: redis.delete("request:r 1"),
        "written: request:r 1",
    ),
    Breach(
        "retries",
        "delayed",
        "is due for more than 10 s, and still in queue:delayed",
        old("delayed", "queue:delayed", 2 * 3600),
        "put into queue:pending",
    ),
]

TOLD = [
    Breach(
        "hashes",
        "running",
        "its key holds a string, not a hash",
        two(gone("running"), lambda redis: redis.set("task:running", "somebody's")),
    ),
    Breach("hashes", "running", "its status is 'DANCING', which is none", field("running", "status", "DANCING")),
    Breach("hashes", "pending", "its status is '', which is none", field("pending", "status", None)),
    Breach("hashes", "running", "can't be read back: name is missing", field("running", "name", None)),
    Breach("hashes", "success", "its taskId is 'another'", field("success", "taskId", "another")),
    Breach("hashes", "success", "SUCCESS, and its finishedAt is ''", field("success", "finishedAt", None)),
    Breach("hashes", "running", "RUNNING, and its finishedAt is 'now'", field("running", "finishedAt", "now")),
    Breach(
        "histories",
        "success",
        "it ends at None, attempt 0; the hash says SUCCESS, attempt 1",
        lambda redis: redis.delete("task:success:history"),
    ),
    Breach(
        "histories",
        "success",
        "its key holds no list",
        lambda redis: [redis.delete("task:success:history"), redis.set("task:success:history", "x")],
    ),
    Breach(
        "histories",
        "success",
        "it ends at RUNNING, attempt 1; the hash says SUCCESS, attempt 1",
        lambda redis: redis.rpop("task:success:history"),
    ),
    Breach(
        "histories",
        "success",
        "it jumps from None to SCHEDULED",
        lambda redis: [redis.lpop("task:success:history"), redis.lpop("task:success:history")],
    ),
    Breach("histories", "success", "it jumps from RUNNING to SCHEDULED", entry("success", **{"from": "SCHEDULED"})),
    Breach("histories", "success", "cancel took it from RUNNING to SUCCESS", entry("success", verb="cancel")),
    Breach("histories", "success", "report is told of attempt 2 after attempt 1", entry("success", attempt=2)),
    Breach("histories", "success", "an entry of it can't be read: ValueError", entry("success", verb="dance")),
    Breach(
        "histories", "success", "an entry of it can't be read", lambda redis: redis.lset("task:success:history", 1, "[")
    ),
    Breach(
        "histories",
        "success",
        "an entry of it can't be read",
        lambda redis: redis.lset("task:success:history", 1, "[]"),
    ),
    Breach(
        "leftovers",
        "task:success:history",
        "there is no task success",
        two(
            lambda redis: redis.delete("task:success"),
            lambda redis: [redis.zrem(key, "success") for key in ("tasks:SUCCESS", "tasks:all")],
        ),
    ),
    Breach(
        "leftovers",
        "task:nobody:log:3",
        "there is no task nobody",
        lambda redis: redis.set("task:nobody:log:3", "hi"),
    ),
    Breach(
        "requests",
        "request:x\x1b",
        "leads to the task nobody, which is not there",
        lambda redis: redis.set("request:x\x1b", "nobody 0123"),
    ),
    Breach(
        "requests",
        "request:x",
        "leads to the task running, which has another requestId",
        lambda redis: redis.set("request:x", "running 0123"),
    ),
    Breach("requests", "request:x", "is not '<taskId> <digest>'", lambda redis: redis.set("request:x", "y")),
    Breach("requests", "request:x", "is not '<taskId> <digest>'", lambda redis: redis.lpush("request:x", "y")),
    Breach("kinds", "queue:tasks", "holds a string, not a list", lambda redis: redis.set("queue:tasks", "x")),
    Breach("kinds", "agent:a", "holds a string, not a hash", lambda redis: redis.set("agent:a", "x", ex=10)),
    Breach("endless leases", f"agent:{AGENT}", "has no TTL", lambda redis: redis.persist(f"agent:{AGENT}")),
    Breach(
        "held messages",
        "queue:tasks:held:a:2",
        "3 held for a:2, which does not live",
        lambda redis: [
            redis.hset("queue:tasks:held:a:2", mapping={"1": "x", "2": "y"}),
            redis.lpush("queue:tasks:moving:a:2", "z"),
        ],
    ),
    Breach(
        "retention",
        "tasks:SUCCESS",
        "1 ended longer ago than 86400 s",
        old("success", "tasks:SUCCESS", RETENTION + 3600),
    ),
    Breach(
        "dead letters",
        "queue:tasks:dead",
        "2 that nobody could read",
        lambda redis: redis.lpush("queue:tasks:dead", "{}", "{}"),
    ),
    Breach("given up", "tasks:dead", "1 given up", lambda redis: redis.lpush("tasks:dead", "{}")),
    Breach(
        "foreign keys",
        "*",
        "2 of others: ",
        lambda redis: [redis.set("somebody's", "x"), redis.set("task:no such:part", "x")],
    ),
]


def test_a_sound_store_has_no_findings(surgery: Surgery) -> None:
    examination = surgery.examine()
    assert [group.findings for group in examination.tally.groups.values() if group.count] == []
    assert examination.finished
    assert (examination.looked, examination.read, examination.agents) == (10, 10, [AGENT])
    assert surgery.clock.waited == 0


def found_by_looking(breach: Breach, surgery: Surgery) -> None:
    before = snapshot(surgery.redis)
    found = surgery.found()
    assert list(found) == [(breach.rule, breach.subject)]
    assert breach.seen in found[breach.rule, breach.subject]
    assert difference(before, snapshot(surgery.redis)) == set()


@pytest.mark.parametrize("breach", REPAIRED, ids=lambda breach: f"{breach.rule}: {breach.seen}")
def test_what_is_safe_is_found_and_repaired(breach: Breach, surgery: Surgery) -> None:
    breach.spoil(surgery.redis)
    found_by_looking(breach, surgery)
    done = surgery.repaired()
    assert list(done) == [(breach.rule, breach.subject)]
    assert all(part in done[breach.rule, breach.subject] for part in breach.done.split("; "))
    assert surgery.found() == {}
    assert contradictions(surgery.redis, surgery.keys) == []


@pytest.mark.parametrize("breach", TOLD, ids=lambda breach: f"{breach.rule}: {breach.seen}")
def test_what_is_not_safe_is_found_and_left_as_it_is(breach: Breach, surgery: Surgery) -> None:
    breach.spoil(surgery.redis)
    found_by_looking(breach, surgery)
    before = snapshot(surgery.redis)
    assert list(surgery.found(repair=True)) == [(breach.rule, breach.subject)]
    assert difference(before, snapshot(surgery.redis)) == set()
