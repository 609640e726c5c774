"""What can be asked of the store without changing anything."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from common.domain.errors import InvalidTask
from common.domain.status import Status
from common.domain.task import Task
from common.store.codec import task_of
from common.store.keys import Keys
from common.transports.redis_client import redis_errors


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks, newest first, and where the next page begins ('' after the last)."""

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

    def get(self, task_id: str) -> Task | None:
        """The task, or None where there is none of that id."""
        return self.get_many([task_id])[0]

    def get_many(self, task_ids: Sequence[str]) -> list[Task | None]:
        """The tasks in the order asked for, in one round trip."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hgetall(self.keys.task(task_id))
            hashes = pipe.execute()
        return [task_of(fields) if fields else None for fields in hashes]

    def history(self, task_id: str) -> list[dict[str, Any]]:
        """Every change of the task, oldest first; empty where there is none of that id."""
        with redis_errors():
            entries = self._redis.lrange(self.keys.history(task_id), 0, -1)
        return [json.loads(entry) for entry in entries]

    def page(self, status: Status | None = None, limit: int = 50, cursor: str = "") -> Page:
        """Up to `limit` tasks, newest first: of one status by when they got there, else of all by when they were made.

        `cursor` is a former page's `next_cursor`. Tasks that come or go meanwhile never hide others.
        Raises InvalidTask where the cursor is none of ours.
        """
        index = self.keys.index(status) if status else self.keys.all
        members = self._after(index, cursor, limit + 1)
        found = self.get_many([task_id for task_id, _ in members[:limit]])
        more = len(members) > limit
        last_id, last_score = members[limit - 1] if more else ("", 0)
        return Page([task for task in found if task], f"{last_score:.0f}:{last_id}" if more else "")

    def counts(self) -> dict[Status, int]:
        """How many tasks each status has."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for status in Status:
                pipe.zcard(self.keys.index(status))
            return dict(zip(Status, pipe.execute(), strict=True))

    def read_log(self, task_id: str, attempt: int, offset: int = 0, limit: int = 65_536) -> LogPage:
        """Up to `limit` bytes of the attempt's log from byte `offset` on; never half a character at the end."""
        with redis_errors():
            text = self._redis.getrange(self.keys.log(task_id, attempt), offset, offset + limit - 1)
        raw = str(text).encode(errors="surrogateescape")
        whole = raw.decode(errors="ignore") if len(raw) == limit else raw.decode(errors="replace")
        size = len(whole.encode()) if len(raw) == limit else len(raw)
        return LogPage(whole, offset, offset + size)

    def leases(self, agent_ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """What each of these agents says of itself; empty where its lease is over."""
        names = sorted(set(agent_ids))
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(self.keys.agent(name))
            return dict(zip(names, pipe.execute(), strict=True))

    def in_status(self, status: Status, limit: int) -> list[Task]:
        """Up to `limit` tasks that have been longest in that status, oldest first."""
        with redis_errors():
            ids = self._redis.zrange(self.keys.index(status), 0, limit - 1)
        return [task for task in self.get_many([str(task_id) for task_id in ids]) if task and task.status is status]

    def _after(self, index: str, cursor: str, count: int) -> list[tuple[str, float]]:
        if not cursor:
            with redis_errors():
                return _pairs(self._redis.zrange(index, 0, count - 1, desc=True, withscores=True))
        score_text, _, last_id = cursor.partition(":")
        if not score_text.isdigit() or not last_id:
            raise InvalidTask(f"not a cursor: {cursor!r}")
        # The first that come after the cursor's place, in (score, id) order, both falling.
        found: list[tuple[str, float]] = []
        start = 0
        while len(found) < count:
            with redis_errors():
                part = _pairs(
                    self._redis.zrange(
                        index, score_text, "-inf", desc=True, byscore=True, withscores=True, offset=start, num=count
                    )
                )
            found += [(name, score) for name, score in part if (score, name) < (float(score_text), last_id)]
            start += count
            if len(part) < count:
                break
        return found[:count]


def _pairs(reply: Iterable[Sequence[Any]]) -> list[tuple[str, float]]:
    return [(str(member), float(score)) for member, score in reply]
