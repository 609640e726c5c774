"""What is known by counting: dead letters, tasks given up, tasks that should have left."""

from collections.abc import Iterator

from redis import Redis

from common.doctor.rules import GIVEN_UP, LETTERS, RETENTION, Finding
from common.domain.status import FINAL
from common.store.keys import Keys
from common.transports.redis_client import redis_errors

LATE = 600.0
"""Seconds past its retention in which a final task may still wait for the sweep."""


def counted(redis: Redis, keys: Keys, retention: float) -> Iterator[Finding]:
    """All of it; `retention` is in seconds. Raises Unavailable."""
    queues = (keys.tasks_queue, keys.status_queue, keys.logs_queue)
    for rule, key, what in (
        *((LETTERS, keys.dead_letters(queue), "that nobody could read") for queue in queues),
        (GIVEN_UP, keys.dead, "given up"),
    ):
        with redis_errors():
            count = redis.llen(key) if redis.type(key) == "list" else 0
        if count:
            yield Finding(rule, key, f"{count} {what}")
    with redis_errors():
        now, _ = redis.time()
        for status in sorted(FINAL):
            before = (now - retention - LATE) * 1000
            if count := redis.zcount(keys.index(status), "-inf", before):
                yield Finding(RETENTION, keys.index(status), f"{count} ended longer ago than {retention:g} s")
