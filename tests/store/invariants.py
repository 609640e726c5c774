"""What must hold in the store at any moment, whoever did what to it: hashes, indexes, queues and histories agree."""

import re
from collections.abc import Callable
from typing import Any

from redis import Redis

from common.domain.status import Status, Verb, legal
from common.store.keys import Keys
from common.store.reading import TaskReader

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
READERS: dict[str, Callable[[Any, str], Any]] = {
    "string": lambda pipe, key: pipe.get(key),
    "hash": lambda pipe, key: pipe.hgetall(key),
    "list": lambda pipe, key: pipe.lrange(key, 0, -1),
    "zset": lambda pipe, key: pipe.zrange(key, 0, -1, withscores=True),
}
Snapshot = dict[str, Any]


def assert_consistent(redis: Redis, keys: Keys) -> None:
    """Fail with every contradiction that stands in the store. Nobody may write meanwhile."""
    wrong = contradictions(redis, keys)
    assert not wrong, "\n".join(wrong)


def contradictions(redis: Redis, keys: Keys) -> list[str]:
    """Each as a sentence."""
    reader = TaskReader(redis, keys)
    ids = sorted(_task_ids(redis, keys))
    wrong = _indexes(redis, keys, ids) + _queues(redis, keys, ids)
    for task_id in ids:
        task = reader.get(task_id)
        assert task
        wrong += [f"{task_id}: {sentence}" for sentence in _history(reader.history(task_id), task.status, task.attempt)]
        if redis.ttl(keys.task(task_id)) != -1:
            wrong.append(f"{task_id}: its hash would expire")
        if task.status.final != bool(task.finished_at):
            wrong.append(f"{task_id}: {task.status}, finishedAt {task.finished_at!r}")
    return wrong


def snapshot(redis: Redis) -> Snapshot:
    """Everything that stands in Redis, for a comparison; of an expiry only that there is one."""
    names = sorted(map(str, redis.scan_iter(count=1000)))
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.type(name)
            pipe.pttl(name)
        answers = pipe.execute()
        for name, kind in zip(names, answers[::2], strict=True):
            READERS[kind](pipe, name)
        values = pipe.execute()
    return {name: (value, expiry >= 0) for name, value, expiry in zip(names, values, answers[1::2], strict=True)}


def difference(before: Snapshot, after: Snapshot) -> set[str]:
    """The keys whose values are not the same."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def _task_ids(redis: Redis, keys: Keys) -> set[str]:
    found = redis.scan_iter(match=keys.task_prefix + "*", count=1000)
    names = {str(key).removeprefix(keys.task_prefix) for key in found}
    return {name for name in names if ":" not in name}


def _members(redis: Redis, key: str) -> set[str]:
    return {str(member) for member in redis.zrange(key, 0, -1)}


def _indexes(redis: Redis, keys: Keys, ids: list[str]) -> list[str]:
    wrong = []
    if set(ids) != _members(redis, keys.all):
        wrong.append(f"{keys.all} is not the tasks that there are")
    for status in Status:
        members = _members(redis, keys.index(status))
        expected = {task_id for task_id in ids if redis.hget(keys.task(task_id), "status") == status}
        wrong += [f"{name}: not {status}, but in its index" for name in members - expected]
        wrong += [f"{name}: {status}, but not in its index" for name in expected - members]
    return wrong


def _queues(redis: Redis, keys: Keys, ids: list[str]) -> list[str]:
    wrong = []
    ready, delayed = _members(redis, keys.pending), _members(redis, keys.delayed)
    waiting = {task_id for task_id in ids if redis.hget(keys.task(task_id), "status") == Status.PENDING}
    wrong += [f"{name}: PENDING, but in no queue" for name in waiting - ready - delayed]
    wrong += [f"{name}: in both queues" for name in ready & delayed]
    wrong += [f"{name}: in a queue, but not PENDING" for name in (ready | delayed) - waiting]
    return wrong


def _history(history: list[dict[str, Any]], status: Status, attempt: int) -> list[str]:
    wrong = []
    before: Status | None = None
    reached = 0
    for entry in history:
        wrong += _entry(entry, before, reached)
        before, reached = Status(entry["to"]), entry["attempt"]
    if (before, reached) != (status, attempt):
        wrong.append(f"the history ends at {before}, attempt {reached}; the hash says {status}, attempt {attempt}")
    return wrong


def _entry(entry: dict[str, Any], before: Status | None, reached: int) -> list[str]:
    wrong = []
    verb, source, after = Verb(entry["verb"]), Status(entry["from"]) if entry["from"] else None, Status(entry["to"])
    flag = verb is Verb.CANCEL and source is after is Status.RUNNING
    if source is not before:
        wrong.append(f"the history jumps from {before} to {source}")
    if not flag and not legal(verb, source, after):
        wrong.append(f"{verb} took it from {source} to {after}")
    if entry["attempt"] != reached + (verb is Verb.ASSIGN):
        wrong.append(f"{verb} as attempt {entry['attempt']} after attempt {reached}")
    if not INSTANT.fullmatch(entry["at"]):
        wrong.append(f"{entry['at']!r} is no instant")
    return wrong
