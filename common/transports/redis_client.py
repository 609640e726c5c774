"""Connecting to Redis: two kinds of client, one translation of errors, one check of the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from redis import Redis, exceptions
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from common.domain.errors import BadSetting, Unanswered, Unavailable, UnfitServer

ANSWER_WITHIN = 3.0
"""Seconds that an ordinary command may take."""
LONGEST_BLOCK = 2.0
"""Seconds that a blocking command may block; longer waits are made of several, so that a stop is seen."""

CLIENT_OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    # Output and hand-pushed messages may be any bytes: they come back as they were, and never raise.
    "encoding_errors": "surrogateescape",
    "protocol": 3,
    "legacy_responses": False,
}
"""What the store expects of any client, a fake one too."""


def connect(url: str, *, blocking: bool = False, repeats: int = 2, answer_within: float = ANSWER_WITHIN) -> Redis:
    """A client for `url`; nothing is sent yet. Safe to share between threads.

    The ordinary client repeats a command whose connection broke up to `repeats` times, so it is for reads
    and for idempotent scripts. A `blocking` one never repeats: it is for commands that take something away,
    whose repeat would lose what the first one took. No call takes longer than `answer_within` seconds and, of a blocking
    one, LONGEST_BLOCK more. Raises BadSetting where the url is no Redis url.
    """
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise BadSetting(f"not a Redis url: {url!r} (one looks like redis://127.0.0.1:6379/0)")
    retry = Retry(ExponentialBackoff(cap=0.2, base=0.02), 0 if blocking else repeats)
    timeout = answer_within + (LONGEST_BLOCK if blocking else 0)
    try:
        client: Redis = Redis.from_url(
            url, retry=retry, socket_timeout=timeout, socket_connect_timeout=answer_within, **CLIENT_OPTIONS
        )
    except ValueError as error:
        raise BadSetting(f"not a Redis url: {url!r}: {error}") from error
    return client


_NOT_SENT = (exceptions.MaxConnectionsError, exceptions.AuthenticationError)
# The server answered, and the answer was that it can't now: nothing was done.
_NOT_NOW = (
    exceptions.BusyLoadingError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.TryAgainError,
)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn what redis-py raises into dts' own errors: Unanswered where the command may have been carried out."""
    try:
        yield
    except (*_NOT_SENT, *_NOT_NOW) as error:
        raise Unavailable(f"Redis can't take it now: {error}") from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        refused = "connecting to" in str(error)
        raise (Unavailable if refused else Unanswered)(f"Redis is away: {error}") from error
    except exceptions.ResponseError as error:
        if str(error).startswith(("OOM", "MISCONF", "READONLY", "LOADING", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS")):
            raise Unavailable(f"Redis can't take it now: {error}") from error
        raise


def refuse_unfit(client: Redis, durability: str) -> None:
    """Raise UnfitServer where this server would lose tasks by its own settings.

    An eviction policy other than noeviction drops keys when memory is short. With durability "durable"
    the append-only file must be on too: without it a power cut takes the newest writes.
    """
    with redis_errors():
        memory, persistence = client.info("memory"), client.info("persistence")
    policy = memory.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        raise UnfitServer(
            f"this Redis would evict keys when its memory is full (maxmemory-policy is {policy}), and tasks with them; "
            "set it to noeviction: redis-cli CONFIG SET maxmemory-policy noeviction"
        )
    if durability == "durable" and not persistence.get("aof_enabled"):
        raise UnfitServer(
            "durability is 'durable', but this Redis keeps no append-only file; "
            "set appendonly yes and appendfsync always, or DTS_DURABILITY=fast"
        )
