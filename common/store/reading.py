"""What can be asked of the store without changing anything."""

import json
import logging
import time
from codecs import getincrementaldecoder
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from common.domain.errors import CorruptTask
from common.domain.query import Query
from common.domain.status import UNDER_WAY, Status
from common.domain.task import Task
from common.store.codec import task_of
from common.store.finding import Finder, meets
from common.store.keys import Keys
from common.transports.redis_client import redis_errors

log = logging.getLogger(__name__)

_CONTINUATION = bytes(range(0x80, 0xC0))
"""What stands within a character of UTF-8, never at its beginning."""
Hash = dict[str, str] | Exception
"""A task's fields, none where it does not exist; or why they can't be had."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks, and where the next page begins ('' after the last)."""

    tasks: list[Task]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """A piece of an attempt's log. Offsets are bytes of the log as kept."""

    text: str
    offset: int
    next_offset: int


class TaskReader:
    """Reads tasks, their histories and logs. Safe to share between threads; raises Unavailable, CorruptTask."""

    def __init__(self, redis: Redis, keys: Keys | None = None) -> None:
        self.keys = keys or Keys()
        self._redis = redis
        self._finder = Finder(redis, self.keys)

    def get(self, task_id: str) -> Task | None:
        """The task, or None where there is none of that id."""
        return self.get_many([task_id])[0]

    def get_many(self, task_ids: Sequence[str]) -> list[Task | None]:
        """The tasks in the order asked for, in one round trip."""
        return [_task(fields) for fields in self._hashes(task_ids)]

    def each(self, task_ids: Sequence[str]) -> list[Task | CorruptTask | None]:
        """As `get_many`, and of each one that can't be read what is wrong with it."""
        found: list[Task | CorruptTask | None] = []
        for fields in self._hashes(task_ids):
            try:
                found.append(_task(fields))
            except CorruptTask as error:
                found.append(error)
        return found

    def history(self, task_id: str) -> list[dict[str, Any]]:
        """Every change of the task, oldest first; empty where there is none of that id."""
        with redis_errors():
            entries = self._redis.lrange(self.keys.history(task_id), 0, -1)
        return [json.loads(entry) for entry in entries]

    def find(self, query: Query, limit: int = 50, cursor: str = "") -> Page:
        """Up to `limit` tasks that meet the query, in its order.

        `cursor` is a former page's `next_cursor`; tasks that come or go meanwhile never hide others. A page may hold
        less than `limit`, or none, and still have a next one: then more were looked at than one call may cost. Raises
        InvalidTask where the cursor is none of ours.
        """
        found = self._finder.find(query, limit, cursor)
        tasks = readable(self._hashes(found.task_ids)) if found.task_ids else []
        return Page([task for task in tasks if meets(query, task)], found.next_cursor)

    def page(self, status: Status | None = None, limit: int = 50, cursor: str = "") -> Page:
        """The same of all tasks, or of all in one status, newest first; only the last page is not full."""
        return self.find(Query((status,) if status else ()), limit, cursor)

    def standings(self, task_ids: Sequence[str]) -> list[tuple[Status, str, int] | None]:
        """Of each task its status, when that or anything else of it changed, and its attempt; None where there is none.

        What it is to run is not read, so that it may be asked often. Raises CorruptTask.
        """
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hmget(self.keys.task(task_id), "status", "updatedAt", "attempt")
            found = pipe.execute()
        return [_standing(task_id, *values) for task_id, values in zip(task_ids, found, strict=True)]

    def counts(self) -> dict[Status, int]:
        """How many tasks each status has."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for status in Status:
                pipe.zcard(self.keys.index(status))
            return dict(zip(Status, pipe.execute(), strict=True))

    def next_waits(self) -> float:
        """For how many seconds the task whose turn is next has been ready; 0 where none is."""
        with redis_errors():
            found = self._redis.zrange(self.keys.pending, 0, 0, withscores=True)
            if not found:
                return 0.0
            (task_id, turn), *_ = _pairs(found)
            priority = self._redis.hget(self.keys.task(task_id), "priority")
            seconds, micros = self._redis.time()
        # A task's turn is since when it is ready, less a minute for each step of its priority (ready in prelude.lua).
        since = turn / 1000 + (int(priority or 4) - 4) * 60
        return max(0.0, seconds + micros / 1_000_000 - since)

    def given_up(self) -> int:
        """How many tasks were given up because agents kept being lost with them."""
        with redis_errors():
            return int(self._redis.llen(self.keys.dead))

    def unread(self) -> int:
        """How many tasks that were pushed by hand nobody could read."""
        with redis_errors():
            return int(self._redis.llen(self.keys.dead_letters(self.keys.tasks_queue)))

    def server(self) -> dict[str, Any]:
        """What the server says of itself: its `version`, its `memory` in bytes, and the seconds that it `took`."""
        begun = time.monotonic()
        try:
            with redis_errors():
                said = self._redis.info()
        except ResponseError:
            # It may not be asked, or is one that only pretends.
            said = {}
        took = round(time.monotonic() - begun, 4)
        return {"version": said.get("redis_version"), "memory": said.get("used_memory"), "took": took}

    def read_log(self, task_id: str, attempt: int, offset: int = 0, limit: int = 65_536) -> LogPage:
        """Up to `limit` bytes of the attempt's log from byte `offset` on; never half a character at the end.

        An `offset` below 0 counts from the end of what there is.
        """
        key, tail = self.keys.log(task_id, attempt), offset < 0
        with redis_errors():
            offset = max(0, self._redis.strlen(key) + offset) if tail else offset
            # At least one character of the widest, so that every page gets on.
            text = self._redis.getrange(key, offset, offset + max(limit, 4) - 1)
        raw = str(text).encode(errors="surrogateescape")
        if tail and offset:
            # It may begin within a character.
            begun = raw.lstrip(_CONTINUATION)
            offset, raw = offset + len(raw) - len(begun), begun
        decoder = getincrementaldecoder("utf-8")("replace")
        whole = decoder.decode(raw)
        half, _ = decoder.getstate()
        return LogPage(whole, offset, offset + len(raw) - len(half))

    def leases(self, agent_ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """What each of these agents says of itself; empty where its lease is over."""
        names = sorted(set(agent_ids))
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(self.keys.agent(name))
            return dict(zip(names, pipe.execute(), strict=True))

    def agents(self) -> list[str]:
        """The ids of all agents that ever held a lease, in their order."""
        with redis_errors():
            return sorted(map(str, self._redis.smembers(self.keys.known_agents)))

    def shut(self) -> dict[str, str]:
        """Why agents that get nothing new do so: "drained" or "quarantined", by their ids."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.smembers(self.keys.drained)
            pipe.zrange(self.keys.quarantined, 0, -1, withscores=True)
            (seconds, micros), drained, quarantined = pipe.execute()
        now = 1000 * seconds + micros / 1000
        shut = {agent: "quarantined" for agent, until in _pairs(quarantined) if until > now}
        return shut | {str(agent): "drained" for agent in drained}

    def cancelling(self, limit: int) -> list[Task]:
        """Up to `limit` running tasks that somebody asked to cancel, longest ago first."""
        with redis_errors():
            ids = self._redis.zrange(self.keys.cancelling, 0, limit - 1)
        found = readable(self._hashes([str(task_id) for task_id in ids])) if ids else []
        return [task for task in found if task.status is Status.RUNNING and task.cancel_requested]

    def last_applied(self) -> dict[str, tuple[str, int]]:
        """Of each agent the boot and number of its newest status update that is applied."""
        with redis_errors():
            found = self._redis.hgetall(self.keys.applied)
        said = {str(agent): str(text).partition(" ") for agent, text in found.items()}
        return {agent: (boot, int(number)) for agent, (boot, _, number) in said.items() if number.isdecimal()}

    def refused(self) -> dict[str, int]:
        """How many updates of agents were refused, by the answer they got."""
        with redis_errors():
            found = self._redis.hgetall(self.keys.refused)
        return {str(answer): int(count) for answer, count in found.items()}

    def waiting(self, task_id: str) -> str:
        """Why this task waits, JSON: the leader's word, or until when; '' where there is nothing to say."""
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(self.keys.task(task_id), "waiting", "startedAt")
            pipe.zscore(self.keys.delayed, task_id)
            (word, started_at), due = pipe.execute()
        if word or due is None:
            return str(word or "")
        because = "it waits for its next attempt" if started_at else "it waits for its time"
        until = datetime.fromtimestamp(due / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps({"because": because, "until": until})

    def held(self, agent_ids: Sequence[str]) -> list[int]:
        """How many tasks each of these agents holds, in the order asked for."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for agent_id in agent_ids:
                pipe.zcard(self.keys.held_tasks(agent_id))
            return pipe.execute()

    def held_ids(self, agent_ids: Sequence[str]) -> list[set[str]]:
        """The ids of the tasks that each of these agents holds, in the order asked for."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for agent_id in agent_ids:
                pipe.zrange(self.keys.held_tasks(agent_id), 0, -1)
            return [set(map(str, ids)) for ids in pipe.execute()]

    def with_agent(self, agent_id: str, limit: int = 10_000) -> list[Task]:
        """Up to `limit` tasks that this agent holds, longest held first: given to it, or running there."""
        with redis_errors():
            ids = self._redis.zrange(self.keys.held_tasks(agent_id), 0, limit - 1)
        found = readable(self._hashes([str(task_id) for task_id in ids]))
        return [task for task in found if task.agent == agent_id and task.status in UNDER_WAY]

    def overdue(self, margin: float, first: int = 0, limit: int = 200) -> tuple[list[Task], int]:
        """RUNNING past their time limit by more than `margin` seconds, of `limit` tasks from rank `first` on.

        Returns also how many were looked at.
        """
        with redis_errors():
            now, _ = self._redis.time()
            ids = self._redis.zrange(self.keys.index(Status.RUNNING), first, first + limit - 1)
        found = readable(self._hashes([str(task_id) for task_id in ids]))
        running = [task for task in found if task.status is Status.RUNNING]
        late = [task for task in running if _seconds(task.started_at) + task.spec.timeout + margin < now]
        return late, len(ids)

    def lingering(self, status: Status, seconds: float, limit: int) -> list[Task]:
        """Up to `limit` tasks that have been in that status for longer than so many seconds, longest first."""
        with redis_errors():
            now, _ = self._redis.time()
            before = int((now - seconds) * 1000)
            ids = self._redis.zrange(self.keys.index(status), "-inf", before, byscore=True, offset=0, num=limit)
        return [task for task in readable(self._hashes([str(task_id) for task_id in ids])) if task.status is status]

    def in_status(self, status: Status, limit: int) -> list[Task]:
        """Up to `limit` tasks that have been longest in that status, oldest first."""
        with redis_errors():
            ids = self._redis.zrange(self.keys.index(status), 0, limit - 1)
        return [task for task in readable(self._hashes([str(task_id) for task_id in ids])) if task.status is status]

    def _hashes(self, task_ids: Sequence[str]) -> list[Hash]:
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hgetall(self.keys.task(task_id))
            return pipe.execute(raise_on_error=False)


def _standing(
    task_id: str, status: str | None, updated: str | None, attempt: str | None
) -> tuple[Status, str, int] | None:
    if status is None and updated is None and attempt is None:
        return None
    try:
        return Status(status or ""), updated or "", int(attempt or "")
    except ValueError as error:
        raise CorruptTask(f"task {task_id!r} can't be read back: {error}") from error


def readable(hashes: Iterable[Hash]) -> list[Task]:
    """The tasks among these; one that somebody spoilt is logged and left out, so that it can't hide the others."""
    tasks = []
    for fields in hashes:
        try:
            task = _task(fields)
        except CorruptTask as error:
            log.warning("left out: %s", error)
        else:
            tasks += [task] if task else []
    return tasks


def _seconds(stamp: str) -> float:
    """Since 1970; never over where somebody else wrote there."""
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return float("inf")


def _task(fields: Hash) -> Task | None:
    if isinstance(fields, Exception):
        with redis_errors():
            raise fields
    return task_of(fields) if fields else None


def _pairs(reply: Iterable[Sequence[Any]]) -> list[tuple[str, float]]:
    return [(str(member), float(score)) for member, score in reply]
