"""`dts doctor`: what it shows to whom, and how it ends."""

import contextlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from redis.exceptions import ResponseError

from common.cli import console, doctor_view
from common.cli.exits import Exit
from common.cli.root import root
from common.cli.where import Backend
from common.doctor.report import Report
from common.doctor.verdicts import bad
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from tests.conftest import OwnRedis
from tests.doctor.conftest import ImpatientClock, Surgery
from tests.servers import ServerAt
from tests.store.lives import Life

Doctor = Callable[..., Result]
EVIL = "\x1b[31mevil"


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DTS_REDIS_URL", "DTS_NAMESPACE", "DTS_EXECUTORS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DTS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def redis(shared_servers: Callable[[str], ServerAt]) -> Redis:
    """A real one: the fake one says nothing of itself."""
    server = shared_servers("real")
    server.empty()
    client = server.client()
    Life(TaskStore(client), Leases(client, Keys())).submit(task_id="pending")
    return client


@pytest.fixture
def doctor(redis: Redis) -> Doctor:
    """`dts doctor …` at that Redis."""
    place = Backend(TaskStore(redis, Keys()), redis, ImpatientClock())
    return lambda *words: CliRunner().invoke(root, ["doctor", *words], obj=place, prog_name="dts")


def rows(result: Result) -> dict[str, list[str]]:
    """By check and subject."""
    split = [line.split("\t") for line in result.stdout.splitlines()]
    assert {len(row) for row in split} == {5}
    return {f"{check} {subject}".strip(): [verdict, *rest] for verdict, check, subject, *rest in split}


def lose(redis: Redis) -> None:
    redis.zrem("queue:pending", "pending")


def test_where_all_is_well_it_ends_with_0(doctor: Doctor) -> None:
    result = doctor()
    assert result.exit_code == Exit.OK
    said = rows(result)
    assert {row[0] for row in said.values()} <= {"ok", "warn"}
    assert said["agents"][:2] == ["ok", "an agent is there to run tasks: agent-1"]
    assert said["histories"][1].endswith("(1 of 1 tasks read)")
    assert {"settings", "python", "cgroups", "redis", "eviction", "clock", "queues", "foreign keys"} <= said.keys()


def test_a_warning_alone_ends_with_0(doctor: Doctor, redis: Redis) -> None:
    redis.set("somebody's", "x")
    result = doctor()
    assert (result.exit_code, rows(result)["foreign keys *"][0]) == (Exit.OK, "warn")


def test_a_breach_ends_with_1_until_it_is_repaired(doctor: Doctor, redis: Redis) -> None:
    lose(redis)
    result = doctor()
    assert result.exit_code == Exit.FAILED
    verdict, seen, advice = rows(result)["queues pending"]
    assert (verdict, seen) == ("bad", "PENDING, and in no queue")
    assert advice.startswith("`dts doctor --repair` sets its places right by its hash; ")
    result = doctor("--repair")
    assert result.exit_code == Exit.OK
    assert rows(result)["queues pending"] == ["repaired", "PENDING, and in no queue", "put into queue:pending"]
    assert (doctor("--repair").exit_code, rows(doctor())["queues"][0]) == (Exit.OK, "ok")


def test_what_is_not_repaired_ends_with_1(doctor: Doctor, redis: Redis) -> None:
    lose(redis)
    redis.rpush("task:nobody:history", "{}")
    result = doctor("--repair")
    assert result.exit_code == Exit.FAILED
    said = rows(result)
    assert said["queues pending"][0] == "repaired"
    assert said["leftovers task:nobody:history"][0] == "bad"
    assert "--repair" not in said["leftovers task:nobody:history"][2]


def test_as_json_it_is_one_document(doctor: Doctor, redis: Redis) -> None:
    lose(redis)
    redis.zadd("tasks:FAILED", {EVIL: redis.time()[0] * 1000})
    result = doctor("--json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["verdict"], said["tasksLookedAt"], said["tasksRead"]) == (Exit.FAILED, "bad", 1, 1)
    assert {check["section"] for check in said["checks"]} == {"machine", "redis", "store"}
    assert all((check["advice"] is None) == (check["verdict"] == "ok") for check in said["checks"])
    assert {(one["check"], one["subject"], one["repaired"]) for one in said["findings"]} == {
        ("queues", "pending", None),
        ("ghosts", EVIL, None),
    }
    repaired = json.loads(doctor("--json", "--repair").stdout)
    assert {one["verdict"] for one in repaired["findings"]} == {"repaired"}
    assert repaired["verdict"] in ("ok", "warn")


def test_hostile_names_are_shown_harmless(doctor: Doctor, redis: Redis) -> None:
    redis.zadd("tasks:FAILED", {EVIL: redis.time()[0] * 1000})
    redis.set(EVIL, "x")
    for result in (doctor(), doctor("--json"), doctor("--repair")):
        assert "\x1b" not in result.stdout
    assert r"\x1b[31mevil" in doctor().stdout


def test_on_a_terminal_there_are_tables_and_advice(redis: Redis) -> None:
    lose(redis)
    redis.zadd("queue:pending", {f"{EVIL}{number}": 1 for number in range(doctor_view.SHOWN + 3)})
    examination = Surgery(redis, Keys()).examine()
    screen = shown(Report(machine=[bad("home", "no directory", "set DTS_HOME")], examination=examination))
    assert screen.index("This machine") < screen.index("home") < screen.index("Redis") < screen.index("What is stored")
    assert "… and 4 more: --json lists them" in screen
    assert r"\x1b[31mevil" in screen
    assert EVIL not in screen
    assert "23 found: " in screen
    assert "`dts doctor --repair` sets its places right" in screen
    assert max(len(line) for line in plain(screen).splitlines()) <= 100


def test_on_a_terminal_what_can_not_be_looked_at_at_all_is_told_once() -> None:
    screen = plain(shown(Report(machine=[bad("home", "no directory", "set DTS_HOME")], why="no server is named")))
    assert screen.count("no server is named") == 2
    assert screen.count("unknown") == 0
    for name in ("eviction", "indexes", "dead letters"):
        assert name in screen


def shown(report: Report) -> str:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with contextlib.redirect_stdout(Terminal()) as screen:
        assert console.on_terminal()
        doctor_view.show(report)
    return screen.getvalue()


def plain(screen: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", screen)


def alone(*words: str) -> Result:
    return CliRunner().invoke(root, ["doctor", *words], prog_name="dts")


@pytest.mark.parametrize("words", [[], ["--redis-url", "redis://127.0.0.1:1/0"]])
def test_without_a_server_the_machine_is_checked_and_the_rest_can_not_be_told(words: list[str]) -> None:
    result = alone(*words)
    assert result.exit_code == Exit.USAGE
    said = rows(result)
    assert said["python"][0] == "ok"
    assert {said[name][0] for name in ("redis", "clock", "queues", "leases")} == {"unknown"}


def test_a_setting_that_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DTS_SLOTS", "many")
    result = alone()
    assert result.exit_code == Exit.FAILED
    verdict, seen, _ = rows(result)["settings"]
    assert verdict == "bad"
    assert "DTS_SLOTS" in seen


def test_a_url_that_is_none_is_told() -> None:
    result = alone("--redis-url", "http://secret@x")
    assert (result.exit_code, rows(result)["settings"][0], rows(result)["python"][0]) == (Exit.FAILED, "bad", "ok")
    assert "secret" not in result.stdout


def test_a_server_that_evicts_is_wrong(own_redis: OwnRedis) -> None:
    server = own_redis("--maxmemory-policy", "allkeys-lru")
    result = alone("--redis-url", server.url)
    assert (result.exit_code, rows(result)["eviction"][0]) == (Exit.FAILED, "bad")


def test_a_server_that_goes_away_meanwhile_leaves_the_rest_untold(
    doctor: Doctor, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(redis)

    def gone(*_: Any, **__: Any) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(Redis, "zscan", gone)
    said = rows(doctor())
    assert said["queues pending"][0] == "bad"
    assert said["ghosts"][:2] == ["unknown", "Redis is away: gone"]


def test_a_user_who_may_not_look_is_told_so(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise ResponseError("NOPERM this user may not run the 'scan' command")

    monkeypatch.setattr(Redis, "scan", refused)
    result = doctor()
    assert (result.exit_code, rows(result)["queues"][0]) == (Exit.USAGE, "unknown")
    assert "NOPERM" in rows(result)["queues"][1]
