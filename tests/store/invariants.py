"""What must hold in the store at any moment, whoever did what to it: hashes, indexes, queues and histories agree."""

import json
import re
from collections.abc import Callable
from typing import Any

from redis import Redis

from common.doctor.history.records import Life, Standing, entries_of
from common.doctor.history.steps import steps
from common.domain.status import BEFORE_START, UNDER_WAY, Status
from common.store.keys import Keys

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
READERS: dict[str, Callable[[Any, str], Any]] = {
    "string": lambda pipe, key: pipe.get(key),
    "hash": lambda pipe, key: pipe.hgetall(key),
    "list": lambda pipe, key: pipe.lrange(key, 0, -1),
    "set": lambda pipe, key: pipe.smembers(key),
    "zset": lambda pipe, key: pipe.zrange(key, 0, -1, withscores=True),
}
Snapshot = dict[str, Any]


def assert_consistent(redis: Redis, keys: Keys) -> None:
    """Fail with every contradiction that stands in the store. Nobody may write meanwhile."""
    wrong = contradictions(redis, keys)
    assert not wrong, "\n".join(wrong)


def contradictions(redis: Redis, keys: Keys) -> list[str]:
    """Each as a sentence."""
    return contradictions_in(snapshot(redis), keys)


def contradictions_in(stored: Snapshot, keys: Keys) -> list[str]:
    """The same of what was read before."""
    hashes = tasks_in(stored, keys)
    wrong = _indexes(stored, keys, hashes) + _queues(stored, keys, hashes) + _holdings(stored, keys, hashes)
    wrong += _cancelling(stored, keys, hashes) + _expiring(stored, keys, hashes)
    for task_id, fields in sorted(hashes.items()):
        texts, _ = stored.get(keys.history(task_id), ([], False))
        sentences = _history(task_id, texts, Status(fields["status"]), int(fields["attempt"]))
        wrong += [f"{task_id}: {sentence}" for sentence in sentences]
        if stored[keys.task(task_id)][1]:
            wrong.append(f"{task_id}: its hash would expire")
        if Status(fields["status"]).final != bool(fields.get("finishedAt")):
            wrong.append(f"{task_id}: {fields['status']}, finishedAt {fields.get('finishedAt', '')!r}")
    return wrong


def tasks_in(stored: Snapshot, keys: Keys) -> dict[str, dict[str, str]]:
    """The hash of each task."""
    names = (key.removeprefix(keys.task_prefix) for key in stored if key.startswith(keys.task_prefix))
    return {name: stored[keys.task(name)][0] for name in names if ":" not in name}


def history_in(stored: Snapshot, keys: Keys, task_id: str) -> list[dict[str, Any]]:
    """The task's history, oldest first."""
    entries, _ = stored.get(keys.history(task_id), ([], False))
    return [json.loads(entry) for entry in entries]


def members_in(stored: Snapshot, key: str) -> dict[str, float]:
    """The sorted set at `key`, lowest score first."""
    members, _ = stored.get(key, ([], False))
    return {str(member): score for member, score in members}


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


def _indexes(stored: Snapshot, keys: Keys, hashes: dict[str, dict[str, str]]) -> list[str]:
    wrong = []
    if hashes.keys() != members_in(stored, keys.all).keys():
        wrong.append(f"{keys.all} is not the tasks that there are")
    for status in Status:
        members = members_in(stored, keys.index(status)).keys()
        expected = {task_id for task_id, fields in hashes.items() if fields["status"] == status}
        wrong += [f"{name}: not {status}, but in its index" for name in members - expected]
        wrong += [f"{name}: {status}, but not in its index" for name in expected - members]
    return wrong


def _queues(stored: Snapshot, keys: Keys, hashes: dict[str, dict[str, str]]) -> list[str]:
    wrong = []
    ready, delayed = members_in(stored, keys.pending).keys(), members_in(stored, keys.delayed).keys()
    waiting = {task_id for task_id, fields in hashes.items() if fields["status"] == Status.PENDING}
    wrong += [f"{name}: PENDING, but in no queue" for name in waiting - ready - delayed]
    wrong += [f"{name}: in both queues" for name in ready & delayed]
    wrong += [f"{name}: in a queue, but not PENDING" for name in (ready | delayed) - waiting]
    return wrong


def _holdings(stored: Snapshot, keys: Keys, hashes: dict[str, dict[str, str]]) -> list[str]:
    prefix, suffix = keys.held_tasks("*").split("*")
    held = {
        (key.removeprefix(prefix).removesuffix(suffix), task_id)
        for key in stored
        if key.startswith(prefix) and key.endswith(suffix)
        for task_id in members_in(stored, key)
    }
    with_agents = {(fields["agent"], name) for name, fields in hashes.items() if fields["status"] in UNDER_WAY}
    wrong = [f"{name}: with {agent}, but not in its list" for agent, name in with_agents - held]
    return wrong + [f"{name}: not with {agent}, but in its list" for agent, name in held - with_agents]


def _cancelling(stored: Snapshot, keys: Keys, hashes: dict[str, dict[str, str]]) -> list[str]:
    asked = {
        name
        for name, fields in hashes.items()
        if fields["status"] == Status.RUNNING and fields.get("cancelRequested") == "1"
    }
    noted = members_in(stored, keys.cancelling).keys()
    wrong = [f"{name}: to be cancelled, but not in {keys.cancelling}" for name in asked - noted]
    return wrong + [f"{name}: nobody asked to cancel it, but in {keys.cancelling}" for name in noted - asked]


def _expiring(stored: Snapshot, keys: Keys, hashes: dict[str, dict[str, str]]) -> list[str]:
    noted = members_in(stored, keys.expiring).keys()
    awaited = {
        name
        for name, fields in hashes.items()
        if fields["status"] in BEFORE_START and fields.get("expiresAt") and not fields.get("startedAt")
    }
    wrong = [f"{name}: is to have started by a time, but not in {keys.expiring}" for name in awaited - noted]
    return wrong + [f"{name}: there is no such task, but in {keys.expiring}" for name in noted - hashes.keys()]


def _history(task_id: str, texts: list[str], status: Status, attempt: int) -> list[str]:
    try:
        life = Life(task_id, Standing(status, attempt), entries_of(texts))
    except ValueError as error:
        return [str(error)]
    odd = [entry.more["at"] for entry in life.entries if not INSTANT.fullmatch(entry.more["at"])]
    return [violation.seen for violation in steps(life)] + [f"{text!r} is no instant" for text in odd]
