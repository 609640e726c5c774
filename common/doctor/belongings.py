"""Do the keys beside a task's hash – its request, history and logs – belong to a task, and it to them?"""

from collections.abc import Iterator, Sequence
from typing import Any

from redis import Redis

from common.doctor.facts import Facts
from common.doctor.keyspace import Key
from common.doctor.rules import LEFTOVERS, REQUESTS, Finding
from common.store.keys import Keys
from common.transports.redis_client import redis_errors


class Belongings:
    """Looks at them, a batch in one or two round trips. Raises Unavailable."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys

    def requests_of(self, tasks: Sequence[Facts]) -> Iterator[Finding]:
        """Tasks whose requestId would not lead back to them."""
        asked = [(facts.task_id, facts.fields.request_id) for facts in tasks if facts.fields.request_id]
        for (task_id, request_id), value in zip(asked, self._get([request for _, request in asked]), strict=True):
            if value is None:
                yield Finding(REQUESTS, task_id, f"its requestId {request_id!r} is not remembered")
            elif _named(value) != task_id:
                yield Finding(REQUESTS, task_id, f"its requestId {request_id!r} leads to {_told(value)}")

    def tasks_of(self, requests: Sequence[Key]) -> Iterator[Finding]:
        """Requests that lead to no task, or to one that doesn't know of them."""
        values = self._get([key.of for key in requests])
        led = [(key, _named(value)) for key, value in zip(requests, values, strict=True) if value is not None]
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for _, task_id in led:
                pipe.hget(self._keys.task(task_id), "requestId")
                pipe.exists(self._keys.task(task_id))
            answers = pipe.execute(raise_on_error=False)
        for (key, task_id), known, there in zip(led, answers[::2], answers[1::2], strict=True):
            if not task_id:
                yield Finding(REQUESTS, key.name, "is not '<taskId> <digest>'")
            elif not there:
                yield Finding(REQUESTS, key.name, f"leads to the task {task_id}, which is not there")
            elif known != key.of:
                yield Finding(REQUESTS, key.name, f"leads to the task {task_id}, which has another requestId")

    def leftovers(self, parts: Sequence[Key]) -> list[Finding]:
        """Histories and logs whose task has no hash."""
        hashes = [self._keys.task(key.of) for key in parts]
        if not parts or self._all_there(hashes):
            return []
        # Both at one moment: a task's keys leave together.
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            for key, task in zip(parts, hashes, strict=True):
                pipe.exists(task)
                pipe.exists(key.name)
            answers = pipe.execute()
        return [
            Finding(LEFTOVERS, key.name, f"there is no task {key.of}")
            for key, has_hash, there in zip(parts, answers[::2], answers[1::2], strict=True)
            if there and not has_hash
        ]

    def _all_there(self, names: list[str]) -> bool:
        with redis_errors():
            return int(self._redis.exists(*names)) == len(names)

    def _get(self, request_ids: Sequence[str]) -> list[Any]:
        """Their values, None where there is none, an Exception where it is no text."""
        if not request_ids:
            return []
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for request_id in request_ids:
                pipe.get(self._keys.request(request_id))
            return pipe.execute(raise_on_error=False)


def _named(value: Any) -> str:
    """The task that a request's value names; '' where it names none."""
    task_id, _, digest = value.partition(" ") if isinstance(value, str) else ("", "", "")
    return task_id if digest else ""


def _told(value: Any) -> str:
    task_id = _named(value)
    return f"the task {task_id}" if task_id else "something that is no task"
