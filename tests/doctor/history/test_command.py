"""`dts doctor --history`: what it says of sound and of unsound stores, to people and programs, and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from common.cli import console, histories_view
from common.cli.exits import Exit
from common.cli.root import root
from common.cli.where import Backend
from common.domain.status import Status
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from tests.doctor.conftest import ImpatientClock
from tests.store.lives import Life

Doctor = Callable[..., Result]


@pytest.fixture
def doctor(redis: Redis, keys: Keys, life: Life, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Doctor:
    """At a store in which one task has run."""
    assert life.store.keys is keys
    for name in ("DTS_REDIS_URL", "DTS_NAMESPACE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DTS_HOME", str(tmp_path / "home"))
    place = Backend(TaskStore(redis, keys), redis, ImpatientClock())
    return lambda *words: CliRunner().invoke(root, ["doctor", "--history", *words], obj=place, prog_name="dts")


@pytest.fixture
def life(redis: Redis, keys: Keys) -> Life:
    life = Life(TaskStore(redis, keys), Leases(redis, keys))
    life.reach(Status.SUCCESS, task_id="done", request_id="r")
    return life


def rows(result: Result) -> dict[str, list[str]]:
    split = [line.split("\t") for line in result.stdout.splitlines()]
    return {name: [verdict, *rest] for verdict, name, *rest in split}


def test_a_sound_store_ends_with_0_and_says_what_was_not_checked(doctor: Doctor, life: Life) -> None:
    result = doctor()
    assert result.exit_code == Exit.OK, result.output
    said = rows(result)
    assert said["I3"] == ["ok", "", "", "only moves of the table are made, one from where the last one ended"]
    assert said["I6"][:3] == ["unchecked", "", "needs --journal"]
    assert said["I1"][:3] == ["unchecked", "", "needs --client-log"]
    assert said["I9"][:3] == ["ok", "", "in part; --journal would tell more"]
    assert said["I15"][0] == "ok"
    life.running(task_id="busy")
    assert rows(doctor())["I15"][:3] == ["unchecked", "", "needs a system at rest"]


def test_with_all_records_all_is_checked(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("start done 1 7 1.0\nend done 1 7 2.0\n")
    (tmp_path / "calls").write_text('{"op": "submit", "requestId": "r", "taskId": "done", "outcome": "ok"}\n')
    result = doctor("--journal", str(tmp_path / "journal"), "--client-log", str(tmp_path / "calls"), "--json")
    assert result.exit_code == Exit.OK, result.output
    said = json.loads(result.stdout)
    assert {one["verdict"] for one in said["invariants"]} == {"ok"}
    assert (said["verdict"], said["tasks"], said["violations"]) == ("ok", 1, [])


def test_a_breach_ends_with_1_and_shows_its_evidence(doctor: Doctor, redis: Redis, keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("start done 1 7 1.0\nstart done 1 8 1.5\nend done 1 8 2.0\n")
    redis.rpop(keys.history("done"))
    result = doctor("--journal", str(tmp_path), "--json")
    assert result.exit_code == Exit.FAILED
    said = json.loads(result.stdout)
    assert {one["invariant"] for one in said["violations"]} == {"I3", "I6"}
    (twice,) = [one for one in said["violations"] if one["invariant"] == "I6"]
    assert (twice["taskId"], twice["seen"], len(twice["evidence"])) == ("done", "attempt 1 was started 2 times", 2)
    assert rows(doctor())["I3"][:2] == ["bad", "done"]


def test_a_task_that_a_client_was_told_of_and_that_is_not_there_is_found(doctor: Doctor, tmp_path: Path) -> None:
    now = 4_000_000_000
    (tmp_path / "calls").write_text(f'{{"op": "submit", "taskId": "lost", "outcome": "ok", "until": {now}}}\n')
    result = doctor("--client-log", str(tmp_path / "calls"))
    assert (result.exit_code, rows(result)["I1"][:2]) == (Exit.FAILED, ["bad", "lost"])


def test_a_record_that_can_not_be_read_ends_with_2(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("once upon a time\n")
    result = doctor("--journal", str(tmp_path))
    assert result.exit_code == Exit.USAGE
    assert "line 1: 'once upon a time' is no line of a journal" in result.stderr


@pytest.mark.parametrize("words", [["--repair"], ["--all"]])
def test_what_it_does_not_do_is_refused(doctor: Doctor, words: list[str]) -> None:
    assert doctor(*words).exit_code == Exit.USAGE


def test_records_without_it_are_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(root, ["doctor", "--journal", str(tmp_path)])
    assert result.exit_code == Exit.USAGE
    assert "records for --history" in result.output


def test_a_person_sees_a_table_and_each_breach(
    doctor: Doctor, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories_view, "on_terminal", lambda: True)
    monkeypatch.setattr(console, "on_terminal", lambda: True)
    redis.rpush(keys.history("done"), redis.lindex(keys.history("done"), -1) or "")
    result = doctor()
    assert "not checked" in result.output
    assert "I4 done: report after SUCCESS" in result.output
    assert "violations in 1 tasks" in result.output
