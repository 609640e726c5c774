"""Is that Redis fit to hold the truth: its version, what it does when memory runs short, what it keeps, its clock?"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from common.clock import Clock
from common.doctor.verdicts import Checked, bad, ok, unknown, warn
from common.domain.errors import Unavailable
from common.settings import Settings
from common.transports.redis_client import redis_errors

OLDEST = 7
"""The major version from which on everything that is used is there."""
FULL, ALMOST_FULL = 0.95, 0.8
"""Of its memory."""
CLOCK = 1.0
"""Seconds by which two clocks may differ."""
Info = Mapping[str, Any]
_STATUSES = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
NAMES = ("redis", "eviction", "persistence", "memory", "clock")


def server_checks(redis: Redis, settings: Settings, clock: Clock) -> Iterator[Checked]:
    """All of them, in the order of NAMES; blocks for no longer than an ordinary command may take."""
    info, why = _info(redis)
    if info is None:
        yield from (unknown(name, why) for name in NAMES[:-1])
    else:
        yield _version(info)
        yield _eviction(info)
        yield _persistence(info, _fsync(redis), settings.durability)
        yield _memory(info)
    yield _clock(redis, clock)


def _info(redis: Redis) -> tuple[Info | None, str]:
    try:
        with redis_errors():
            return redis.info(), ""
    except (Unavailable, ResponseError) as error:
        return None, str(error)


def _version(info: Info) -> Checked:
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version", ""))
    mode = info.get("server_mode") or info.get("redis_mode", "mode unknown")
    seen = f"{name} {version}, {mode}, up for {_days(info.get('uptime_in_seconds', 0))}"
    if not version.partition(".")[0].isdigit():
        return unknown("redis", f"no version that can be read: {version!r}")
    if int(version.partition(".")[0]) < OLDEST:
        return bad("redis", seen, f"use Redis {OLDEST} or newer, or Valkey")
    if info.get("role") not in ("master", "primary"):
        return bad("redis", f"{seen}, a replica", "name its master in DTS_REDIS_URL: a replica takes no writes")
    return ok("redis", seen)


def _eviction(info: Info) -> Checked:
    policy = info.get("maxmemory_policy", "unknown")
    if policy == "noeviction":
        return ok("eviction", "noeviction")
    return bad(
        "eviction",
        f"{policy}: it would drop tasks when its memory is full",
        "redis-cli CONFIG SET maxmemory-policy noeviction; and so in its redis.conf",
    )


def _persistence(info: Info, fsync: str, durability: str) -> Checked:
    """What a restart or a power cut would take."""
    failed = [name for name in _STATUSES if info.get(name, "ok") != "ok"]
    saved = datetime.fromtimestamp(int(info.get("rdb_last_save_time", 0)), UTC)
    snapshot = f"snapshot of {saved:%Y-%m-%dT%H:%M:%SZ}, {info.get('rdb_changes_since_last_save', '?')} changes since"
    aof = bool(info.get("aof_enabled"))
    seen = f"append-only file, fsync {fsync or 'unknown'}" if aof else f"no append-only file; {snapshot}"
    if failed:
        return bad("persistence", f"{', '.join(failed)}: failed", "see the server's log, and the room on its disk")
    if durability == "durable" and not (aof and fsync in ("always", "")):
        advice = "redis-cli CONFIG SET appendonly yes, CONFIG SET appendfsync always; or DTS_DURABILITY=fast"
        return bad("persistence", f"{seen}; durability is 'durable'", advice)
    if not aof:
        advice = "redis-cli CONFIG SET appendonly yes; and so in its redis.conf: a restart loses what came since"
        return warn("persistence", seen, advice)
    return ok("persistence", seen)


def _fsync(redis: Redis) -> str:
    """How often the append-only file is forced to disk; '' where the server doesn't say."""
    try:
        with redis_errors():
            return str(redis.config_get("appendfsync").get("appendfsync", ""))
    except (Unavailable, ResponseError):
        return ""


def _memory(info: Info) -> Checked:
    used, bound = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    machine = int(info.get("total_system_memory", 0))
    limit, what = (bound, "maxmemory") if bound else (machine, "the machine, no maxmemory")
    if not limit:
        return unknown("memory", f"{_mib(used)} used; the server does not say of how much")
    seen = f"{_mib(used)} of {_mib(limit)} ({what}), {used / limit:.0%}"
    advice = "raise maxmemory, shorten DTS_RETENTION, or see what fills it: redis-cli --bigkeys"
    if used > FULL * limit:
        return bad("memory", seen, advice)
    if used > ALMOST_FULL * limit:
        return warn("memory", seen, advice)
    return ok("memory", seen)


def _clock(redis: Redis, clock: Clock) -> Checked:
    try:
        with redis_errors():
            before = clock.time()
            seconds, micros = redis.time()
            after = clock.time()
    except (Unavailable, ResponseError) as error:
        return unknown("clock", str(error))
    # The server looked at its clock at some moment between our two looks.
    ahead = seconds + micros / 1e6 - (before + after) / 2
    doubt = (after - before) / 2
    where = "ahead of" if ahead > 0 else "behind"
    seen = f"{abs(ahead) * 1000:.0f} ms {where} this machine, give or take {doubt * 1000:.0f} ms"
    if abs(ahead) > CLOCK + doubt:
        advice = "let NTP keep both: leases need only a clock that runs at its true rate, but people read times"
        return warn("clock", seen, advice)
    return ok("clock", seen)


def _mib(count: int) -> str:
    return f"{count / 1_048_576:.0f} MiB"


def _days(seconds: Any) -> str:
    return f"{int(seconds) / 86_400:.1f} d"
