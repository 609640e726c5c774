"""How the records are read: a journal, a client's log, and what the store says of a task."""

import time
from pathlib import Path

import pytest
from redis import Redis

from common.doctor.history.client_log import ClientLog, record
from common.doctor.history.journal import clock_line, read_journal, read_lines
from common.doctor.history.lives import BATCH, Lives
from common.doctor.history.records import Call
from common.domain.errors import BadMessage
from common.domain.status import Status
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from tests.store.lives import Life


def test_a_journal_tells_the_time_by_the_clock_of_its_machine(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text(f"{clock_line('here')}\nstart t 1 7 {time.clock_gettime(time.CLOCK_BOOTTIME):.2f}\n")
    (line,) = read_lines(path)
    assert (line.what, line.task_id, line.attempt, line.pid, line.host) == ("start", "t", 1, 7, "here")
    assert abs(line.wall - time.time()) < 5


def test_journals_of_several_machines_are_read_together_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.journal").write_text("clock 1000 a\nstart t 1 7 1.0\n")
    (tmp_path / "b.journal").write_text("clock 2000 b\nstart t 2 8 1.0\nstart u 1 9 2.0\n")
    (tmp_path / "notes").write_text("what is this?\n")
    found = read_journal(tmp_path)
    assert [(line.attempt, line.wall, line.host) for line in found["t"]] == [(1, 1001, "a"), (2, 2001, "b")]
    assert [line.attempt for line in found["u"]] == [1]


def test_without_a_clock_line_no_moment_is_compared_with_the_store(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("start t 1 7 1.0\n")
    assert [line.wall for line in read_lines(tmp_path / "journal")] == [0]


@pytest.mark.parametrize("text", ["start t 1 7", "start t one 7 1.0", "clock soon"])
def test_a_line_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "journal").write_text(f"start t 1 7 1.0\n{text}\n")
    with pytest.raises(BadMessage, match=f"line 2: '{text}' is no line of a journal"):
        list(read_lines(tmp_path / "journal"))


def test_what_a_client_wrote_is_read_and_found_by_task_and_by_request(tmp_path: Path) -> None:
    lost = Call("submit", "unknown", "", "r", "", 1.0, 2.0)
    told, cancelled = Call("submit", "ok", "t", "r", "SAME", 3.0, 4.0), Call("cancel", "ok", "t", "", "OK", 5.0, 6.0)
    (tmp_path / "log").write_text("".join(f"{record(call)}\n" for call in (cancelled, lost, told)))
    log = ClientLog.read(tmp_path / "log")
    assert log.of("t", "r") == [lost, told, cancelled]
    assert log.of("t") == [told, cancelled]
    assert log.of("nobody", "") == []
    assert log.stored == ["t"]


@pytest.mark.parametrize("text", ['{"op": "submit", "outcome": "fine"}', "[]", "{", '{"outcome": "ok"}'])
def test_a_call_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "log").write_text(f"{text}\n")
    with pytest.raises(BadMessage, match="line 1 is no call of a client"):
        ClientLog.read(tmp_path / "log")


def test_all_tasks_of_a_store_are_read_with_their_histories(redis: Redis, keys: Keys) -> None:
    life = Life(TaskStore(redis, keys), Leases(redis, keys))
    ids = {life.submit(task_id=f"t{number}") for number in range(BATCH + 3)}
    life.reach(Status.SUCCESS, task_id="done", request_id="r")
    lives = {one.task_id: one for one in Lives(redis, keys).all()}
    assert lives.keys() == {*ids, "done"}
    done = lives["done"].standing
    assert done
    assert (done.status, done.attempt, done.request_id) == (Status.SUCCESS, 1, "r")
    assert [entry.verb for entry in lives["done"].entries][-1] == "report"
    (gone,) = Lives(redis, keys).of(["nobody"])
    assert (gone.standing, gone.entries, gone.unreadable) == (None, [], "")


def test_what_can_not_be_read_says_why(redis: Redis, keys: Keys) -> None:
    life = Life(TaskStore(redis, keys), Leases(redis, keys))
    for name in ("torn", "odd", "none"):
        life.submit(task_id=name)
    redis.rpush(keys.history("torn"), '{"at"')
    redis.hset(keys.task("odd"), "status", "ASLEEP")
    redis.delete(keys.history("none"))
    redis.set(keys.history("none"), "text")
    said = {one.task_id: one.unreadable for one in Lives(redis, keys).of(["torn", "odd", "none"])}
    assert said["torn"].startswith("an entry of it can't be read")
    assert "ASLEEP" in said["odd"]
    assert said["none"] == "its key holds no list"


def test_who_could_run_tasks_is_told_with_the_room_there_is(redis: Redis, keys: Keys) -> None:
    store, leases = TaskStore(redis, keys), Leases(redis, keys)
    for agent, slots in (("a", 3), ("b", 5), ("gone", 7)):
        assert leases.take(agent, f"boot-{agent}", 60, {"slots": slots})
    leases.release("gone", "boot-gone")
    store.drain("b", "test")
    life = Life(store, leases)
    life.running(task_id="busy")
    agents = Lives(redis, keys).agents()
    assert {"a": "boot-a", "b": "boot-b", "gone": ""}.items() <= agents.boots.items()
    assert {"a": 3, "b": 5}.items() <= agents.slots.items()
    of_life = agents.slots.get("agent-1", 0)
    assert agents.room == 3 + max(0, of_life - 1)
