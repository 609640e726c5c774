"""Each check of a server sees what is wrong with it, by what the server says of itself."""

import time
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as Away
from redis.exceptions import ResponseError

from common.clock import SystemClock
from common.doctor.server import NAMES, server_checks
from common.doctor.verdicts import Checked, Verdict
from common.settings import Settings
from tests.servers import RedisAt

SOUND: dict[str, Any] = {
    "redis_version": "7.0.15",
    "redis_mode": "standalone",
    "uptime_in_seconds": 43_200,
    "role": "master",
    "maxmemory_policy": "noeviction",
    "used_memory": 700 * 1_048_576,
    "maxmemory": 1000 * 1_048_576,
    "total_system_memory": 16_000 * 1_048_576,
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "rdb_last_save_time": 1_795_505_671,
    "rdb_changes_since_last_save": 3,
}


class Saying:
    """A server that says what it is told to."""

    def __init__(self, fsync: Any = "everysec", ahead: float = 0.0, **info: Any) -> None:
        self._fsync, self._ahead, self._info = fsync, ahead, SOUND | info

    def info(self) -> dict[str, Any]:
        return self._info

    def config_get(self, name: str) -> dict[str, str]:
        if isinstance(self._fsync, Exception):
            raise self._fsync
        return {name: self._fsync}

    def time(self) -> tuple[int, int]:
        seconds, rest = divmod(time.time() + self._ahead, 1)
        return int(seconds), int(rest * 1e6)


def checks(server: Any, **settings: Any) -> dict[str, Checked]:
    found = list(server_checks(server, Settings.load({}, **settings), SystemClock()))
    assert tuple(checked.name for checked in found) == NAMES
    bare = {Verdict.OK, Verdict.UNKNOWN}
    assert all(bool(checked.advice) == (checked.verdict not in bare) for checked in found)
    return {checked.name: checked for checked in found}


def test_a_sound_server_is_sound() -> None:
    found = checks(Saying())
    assert {checked.verdict for checked in found.values()} == {Verdict.OK}
    assert found["redis"].seen == "Redis 7.0.15, standalone, up for 0.5 d"
    assert found["persistence"].seen == "append-only file, fsync everysec"
    assert found["memory"].seen == "700 MiB of 1000 MiB (maxmemory), 70%"


WRONG: list[tuple[str, Verdict, Saying, str]] = [
    ("redis", Verdict.BAD, Saying(redis_version="6.2.1"), "Redis 6.2.1"),
    ("redis", Verdict.OK, Saying(valkey_version="9.1.2", server_mode="cluster"), "Valkey 9.1.2, cluster"),
    ("redis", Verdict.BAD, Saying(role="slave"), "a replica"),
    ("redis", Verdict.UNKNOWN, Saying(redis_version="mine"), "'mine'"),
    ("eviction", Verdict.BAD, Saying(maxmemory_policy="allkeys-lru"), "allkeys-lru"),
    ("persistence", Verdict.WARN, Saying(aof_enabled=0), "snapshot of 2026-11-24T07:34:31Z, 3 changes since"),
    ("persistence", Verdict.BAD, Saying(aof_last_write_status="err"), "aof_last_write_status: failed"),
    ("persistence", Verdict.BAD, Saying(rdb_last_bgsave_status="err"), "rdb_last_bgsave_status: failed"),
    ("persistence", Verdict.BAD, Saying(aof_last_bgrewrite_status="err"), "aof_last_bgrewrite_status: failed"),
    ("persistence", Verdict.OK, Saying(ResponseError("NOPERM")), "fsync unknown"),
    ("memory", Verdict.WARN, Saying(used_memory=810 * 1_048_576), "81%"),
    ("memory", Verdict.BAD, Saying(used_memory=960 * 1_048_576), "96%"),
    ("memory", Verdict.OK, Saying(maxmemory=0), "of 16000 MiB (the machine, no maxmemory), 4%"),
    ("memory", Verdict.UNKNOWN, Saying(maxmemory=0, total_system_memory=0), "700 MiB used"),
    ("clock", Verdict.WARN, Saying(ahead=1.5), "ahead of this machine"),
    ("clock", Verdict.WARN, Saying(ahead=-90), "behind this machine"),
    ("clock", Verdict.OK, Saying(ahead=0.4), "ahead of this machine"),
]


@pytest.mark.parametrize(("name", "verdict", "server", "seen"), WRONG)
def test_a_server_is_judged_by_what_it_says(name: str, verdict: Verdict, server: Saying, seen: str) -> None:
    found = checks(server)
    assert (found[name].verdict, seen in found[name].seen) == (verdict, True), found[name]
    assert {checked.verdict for checked in found.values() if checked.name != name} == {Verdict.OK}


@pytest.mark.parametrize(
    ("fsync", "aof", "verdict"),
    [("always", 1, Verdict.OK), ("everysec", 1, Verdict.BAD), ("always", 0, Verdict.BAD), ("no", 1, Verdict.BAD)],
)
def test_durable_needs_every_write_on_disk(fsync: str, aof: int, verdict: Verdict) -> None:
    found = checks(Saying(fsync, aof_enabled=aof), durability="durable")
    assert found["persistence"].verdict is verdict


@pytest.mark.parametrize("error", [Away("gone"), ResponseError("NOPERM this user may not run 'info'")])
def test_what_a_server_does_not_say_can_not_be_told(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    for name in ("info", "time"):
        monkeypatch.setattr(Saying, name, fail)
    found = checks(Saying())
    assert {checked.verdict for checked in found.values()} == {Verdict.UNKNOWN}
    assert all(str(error) in checked.seen for checked in found.values())


def test_the_servers_that_are_supported_say_all_that_is_asked(redis_of: Any) -> None:
    for profile in ("embedded", "real"):
        served: RedisAt = redis_of(profile)
        client: Redis = served.client()
        assert Verdict.UNKNOWN not in {checked.verdict for checked in checks(client).values()}
        assert "fsync unknown" not in checks(client)["persistence"].seen
