"""Going through what may be a million keys or members, in small steps that hold nobody up."""

from collections.abc import Iterator

from redis import Redis

from common.transports.redis_client import redis_errors

STEP = 500
"""Elements that Redis goes through at once."""


def names(redis: Redis, pattern: str) -> Iterator[list[str]]:
    """Every key whose name fits, in lists as they come; one that comes or goes meanwhile may be missed or repeated."""
    cursor = -1
    while cursor != 0:
        with redis_errors():
            cursor, found = redis.scan(max(cursor, 0), match=pattern, count=STEP)
        yield [str(name) for name in found]


def members(redis: Redis, key: str, size: int) -> Iterator[list[str]]:
    """Every member of a sorted set, in lists of at most `size`; as `names` tells of what comes and goes."""
    cursor = -1
    while cursor != 0:
        with redis_errors():
            cursor, found = redis.zscan(key, max(cursor, 0), count=STEP)
        ids = [str(member) for member, _ in found]
        for first in range(0, len(ids), size):
            yield ids[first : first + size]
