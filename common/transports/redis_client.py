"""Connecting to Redis: two kinds of client, one translation of errors, one check of the server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from redis import Redis, exceptions
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from common.domain.errors import BadSetting, CorruptTask, Unanswered, Unavailable, UnfitServer, Unready
from common.transports import redis_sentinel
from common.transports.redis_copies import Client, copies_in

T = TypeVar("T")

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


def connect(url: str, *, blocking: bool = False, repeats: int = 2, answer_within: float = ANSWER_WITHIN) -> Client:
    """A client for `url`; nothing is sent yet. Safe to share between threads.

    The ordinary client repeats a command whose connection broke up to `repeats` times, so it is for reads
    and for idempotent scripts. A `blocking` one never repeats: it is for commands that take something away,
    whose repeat would lose what the first one took. No try takes longer than `answer_within` seconds and,
    of a blocking one, LONGEST_BLOCK more. Behind Sentinels it finds whichever server is the master.
    Raises BadSetting where the url is no Redis url.
    """
    retry = _HonestRetry(ExponentialBackoff(cap=0.2, base=0.02), 0 if blocking else repeats)
    timeout = answer_within + (LONGEST_BLOCK if blocking else 0)
    options = {"retry": retry, "socket_timeout": timeout, "socket_connect_timeout": answer_within, **CLIENT_OPTIONS}
    try:
        plain, copies = copies_in(url)
        client = _client(plain, options)
    except ValueError as error:
        # The url itself is not told: it may hold a password.
        raise BadSetting(f"not a Redis url: {error}") from None
    client.copies, client.copied_within = copies, answer_within / 2
    return client


def _client(url: str, options: dict[str, Any]) -> Client:
    """Raises ValueError."""
    scheme = urlsplit(url).scheme
    if scheme in redis_sentinel.SCHEMES:
        return cast(Client, Client.from_pool(redis_sentinel.pool_of(url, options)))
    if scheme not in ("redis", "rediss", "unix"):
        raise ValueError(
            "one looks like redis://127.0.0.1:6379/0, or redis+sentinel://host1:26379,host2:26379/mymaster"
        )
    return cast(Client, Client.from_url(url, **options))


# Nothing was done: it was not sent, or the server answered that it can't now.
_NOT_DONE = (
    exceptions.MaxConnectionsError,
    exceptions.AuthenticationError,
    exceptions.BusyLoadingError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.TryAgainError,
)
_NOT_DONE_CODES = (
    *("OOM", "MISCONF", "READONLY", "LOADING", "BUSY ", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN"),
    "max number of clients",
)
_RIGHTS = "its user may not do that; docs/security.md says what dts needs"
_MEANINGS = {
    "used memory > 'maxmemory'": "its memory is full; give it more (CONFIG SET maxmemory), or remove keys",
    "MISCONF": "it can't write to its disk; see that there is room",
    "loading": "it is still loading its data; that ends by itself",
    "read only replica": "it is a replica; name its primary",
    "BUSY": "a script keeps it busy; redis-cli SCRIPT KILL ends one that has written nothing",
    "NOREPLICAS": "it wants more replicas than are connected",
    "max number of clients": "it has as many clients as it may",
    "uthenticat": "it wants a user and password; they stand in the url, or in DTS_REDIS_USER and DTS_REDIS_PASSWORD",
    "invalid username-password": "it knows no such user with that password",
}
"""What a person may make of a refusal, by words in it."""


class _HonestRetry(Retry):
    """Where the repeats fail too, the error is that of the first try which may have been carried out, if one may."""

    def call_with_retry(self, do: Callable[[], T], *args: Any, **kwargs: Any) -> T:
        doubtful: list[Exception] = []

        def watched() -> T:
            try:
                return do()
            except self._supported_errors as error:
                if not _certainly_not_done(error):
                    doubtful.append(error)
                raise

        try:
            return super().call_with_retry(watched, *args, **kwargs)
        except self._supported_errors as last:
            if doubtful and last is not doubtful[0]:
                raise doubtful[0] from last
            raise


def _certainly_not_done(error: Exception) -> bool:
    text = str(error).rpartition("caused error: ")[2]  # a pipeline's errors tell the command first
    return isinstance(error, _NOT_DONE) or "connecting to" in text or text.startswith(_NOT_DONE_CODES)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn what redis-py raises into dts' own errors.

    Unanswered where the command may have been carried out, Unavailable where it certainly was not, Unready
    where the server itself said so; CorruptTask where a key is of a type that dts never gave it.
    """
    try:
        yield
    except (exceptions.ResponseError, exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        translated = _translated(error)
        if translated is error:
            raise
        raise translated from error


def _translated(error: Exception) -> Exception:
    if _certainly_not_done(error):
        if "connecting to" in str(error):
            return Unavailable(f"Redis is away: {error}")
        meaning = next((f"{meaning}: " for words, meaning in _MEANINGS.items() if words in str(error)), "")
        return Unready(f"Redis refuses it now: {meaning}{error}")
    if isinstance(error, exceptions.NoPermissionError):
        # Within a script something may have been done before.
        kind = Unanswered if "script" in str(error) else Unready
        return kind(f"Redis refuses it: {_RIGHTS}: {error}")
    if not isinstance(error, exceptions.ResponseError):
        return Unanswered(f"Redis is away: {error}")
    if "WRONGTYPE" in str(error):
        return CorruptTask(f"a key of dts holds something else: {error}")
    return error


def refuse_unfit(client: Redis, durability: str) -> None:
    """Raise UnfitServer where this server would lose tasks by its own settings.

    An eviction policy other than noeviction drops keys when memory is short. With durability "durable"
    the append-only file must be on too: without it a power cut takes the newest writes. Behind Sentinels it must
    then also take nothing without a replica: one that is cut off, and replaced, would go on taking.
    """
    with redis_errors():
        memory, persistence, copying = client.info("memory"), client.info("persistence"), client.info("replication")
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
    replaced = isinstance(client.connection_pool, redis_sentinel.MasterPool)
    # It is told only where at least one is demanded.
    if durability == "durable" and replaced and "min_slaves_good_slaves" not in copying:
        raise UnfitServer(
            "durability is 'durable', but this Redis takes writes without a replica, which a failover would lose; "
            "set min-replicas-to-write 1 and min-replicas-max-lag 10 on all servers, or DTS_DURABILITY=fast"
        )
