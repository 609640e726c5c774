"""A disk that is really full, under the agent's work, its spool, or Redis: it is said, survived, and loses nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.clock import SystemClock
from common.domain.errors import Unready
from common.domain.ids import Ids
from common.domain.result import Reason
from common.domain.status import Status
from common.domain.task import Submission
from common.lab.until import until
from stage1_mvp.spool import Spool
from tests.conftest import OwnRedis
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk
from tests.stage1.full import SmallDisk, small_disk
from tests.stage1.journal import Journal
from tests.stage1.test_spool import ENDS, frozen, replayed


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as small:
        yield small


def test_what_was_kept_before_and_after_a_full_disk_is_read_back(
    disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(disk.path / "spool", "boot-1")
    spool.keep(ENDS[:1])
    disk.fill()
    # Of these a part still finds room, in the page that the first one began.
    spool.keep(ENDS[1:2] * 20)
    assert caplog.text.count("ends are not spooled") == 1
    assert "o space left" in caplog.text
    disk.free()
    spool.keep(ENDS[2:])
    spool.close()
    first, *between, last = replayed(disk.path / "spool")
    assert (first, last) == (ENDS[0], ENDS[2])
    assert 0 < len(between) < 20
    assert set(between) == {ENDS[1]}
    assert "can't be read" not in caplog.text


def test_tasks_that_find_no_room_wait_until_there_is_some(
    server: ServerAt, person: Desk, agents: StartAgent, disk: SmallDisk
) -> None:
    agent = agents(server.url, home=disk.path, max_lost=100).ready()
    disk.fill()
    task_id = person.push("print('room')", type="PYTHON")

    until(lambda: "report" in person.verbs(task_id))
    report = next(entry for entry in person.store.history(task_id) if entry["verb"] == "report")
    assert (report["to"], report["reason"]) == ("PENDING", Reason.AGENT_ERROR)
    assert "the agent's machine can't run it now: No space left on device" in report["error"]
    # What needs no room goes on.
    person.works()

    disk.free()
    (task,) = person.succeeded(task_id)
    assert task.failures == 0
    assert person.log(task_id, task.attempt) == "room\n"
    assert agent.lives
    person.settled()


def test_a_task_that_fills_the_disk_fails_and_the_disk_is_free_again(
    server: ServerAt, person: Desk, agents: StartAgent, disk: SmallDisk
) -> None:
    agents(server.url, home=disk.path).ready()
    task = person.ran(content="cat /dev/zero > here", retries=0)
    assert task.result
    assert (task.status, task.result.reason) == (Status.FAILED, Reason.EXIT_CODE)
    assert "No space left on device" in task.result.output
    person.succeeded(person.push("head -c 100000 /dev/zero > here"))
    person.settled()


def test_ends_that_find_no_room_in_the_spool_are_stored_all_the_same(
    server: ServerAt, person: Desk, agents: StartAgent, disk: SmallDisk, tmp_path: Path
) -> None:
    journal = Journal(tmp_path)
    agent = agents(server.url, home=disk.path, lease=20).ready()
    task_id = person.push(journal.task(0.3))
    person.running(task_id)
    disk.fill()
    with frozen(person):
        until(lambda: "end" in [line.what for line in journal.lines()])
        agent.says("ends are not spooled")
    (task,) = person.succeeded(task_id)
    assert task.attempt == 1
    disk.free()
    person.works()
    assert journal.starts() == [task_id]
    person.settled()


def test_a_redis_whose_disk_is_full_is_waited_out(
    own_redis: OwnRedis, agents: StartAgent, disk: SmallDisk, tmp_path: Path
) -> None:
    journal = Journal(tmp_path)
    server = own_redis("--dir", str(disk.path), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
    desk = Desk(server.client())
    agent = agents(server.url, lease=20).ready()
    ended = desk.push(journal.task())
    desk.succeeded(ended)
    running = desk.push(journal.task(0.5))
    desk.running(running)

    disk.fill()
    # It takes what it can't write down until it has noticed.
    with pytest.raises(Unready, match="it can't write to its disk") as refused:
        until(lambda: submit(desk), what="Redis to notice that its disk is full")
    assert not refused.value.may_have_happened
    agent.says("it can't write to its disk")
    until(lambda: [line.what for line in journal.lines()].count("end") == 2)
    until(lambda: any(file.stat().st_size for file in tmp_path.glob("spool/agent-1/*")))

    disk.free()
    agent.says("going on")
    assert [task.attempt for task in desk.succeeded(ended, running)] == [1, 1]
    desk.works()
    desk.settled()
    journal.check()


def submit(desk: Desk) -> bool:
    """Whether it was refused: never, for that raises."""
    return desk.store.submit([Submission.of(content="true")], "person", Ids(SystemClock())) == []
