"""Ends of attempts survive their agent: what it could not report, its next boot does."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.domain.errors import Unavailable
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import Reason, failure, success
from common.domain.status import Status
from common.lab.processes import find
from common.lab.until import until
from stage1_mvp.spool import Spool
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal

LEASE = 4


class Heard:
    """A Report that remembers, or is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.ends: list[Finished] = []

    def logs(self, chunks: object) -> None:
        raise AssertionError("no log comes alone")

    def started(self, attempts: object) -> None: ...

    def returned(self, attempts: object) -> None: ...

    def finished(self, ends: Sequence[Finished]) -> None:
        if self.away:
            raise Unavailable("away")
        self.ends += ends


def end(number: int) -> Finished:
    task = Held(f"task-{number}", number, "agent-1", "boot-1")
    result = success("out\n\0\x1b[1m", 9) if number % 2 else failure(Reason.EXIT_CODE, "exit code 3 – ö", exit_code=3)
    return Finished(task, result, LogChunk(task, number, "rest of the log\n"))


ENDS = [end(1), end(2), end(3)]


def replayed(directory: Path, boot: str = "boot-2") -> list[Finished]:
    heard = Heard()
    Spool(directory, boot).replay(heard)
    return heard.ends


def test_what_was_kept_and_not_settled_is_reported_by_the_next_boot_word_for_word(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", "boot-1")
    spool.keep(ENDS[:2])
    spool.keep(ENDS[2:])
    spool.close()
    assert replayed(tmp_path / "spool") == ENDS
    assert replayed(tmp_path / "spool") == []
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_was_settled_is_not_reported_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "boot-1")
    spool.keep(ENDS[:2])
    spool.settle()
    spool.keep(ENDS[2:])
    spool.close()
    assert replayed(tmp_path) == ENDS[2:]


def test_a_boot_that_has_told_everything_leaves_no_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "boot-1")
    spool.keep(ENDS)
    spool.settle()
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_torn_hides_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path, "boot-1")
    spool.keep(ENDS)
    spool.close()
    file = tmp_path / "boot-1"
    first, second, third = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + b"\xff{}\n" + second + third[: len(third) // 2])
    assert replayed(tmp_path) == ENDS[:2]
    assert caplog.text.count("can't be read") == 2


def test_while_the_store_is_away_the_file_stays(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "boot-1")
    spool.keep(ENDS)
    spool.close()
    with pytest.raises(Unavailable):
        Spool(tmp_path, "boot-2").replay(Heard(away=True))
    assert replayed(tmp_path, "boot-3") == ENDS


def test_the_file_of_a_boot_that_lives_is_left_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "boot-1")
    spool.keep(ENDS)
    assert replayed(tmp_path) == []
    spool.close()
    assert replayed(tmp_path) == ENDS


def test_where_nothing_can_be_written_it_is_said_once_and_work_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").write_text("in the way")
    spool = Spool(tmp_path / "spool", "boot-1")
    spool.keep(ENDS[:1])
    spool.keep(ENDS[1:])
    spool.settle()
    spool.close()
    assert caplog.text.count("ends are not spooled") == 1


@contextmanager
def frozen(person: Desk) -> Iterator[None]:
    redis = find(int(person.redis.info("server")["process_id"]))
    assert redis
    redis.send(signal.SIGSTOP)
    try:
        yield
    finally:
        redis.send(signal.SIGCONT)


def test_a_task_that_ended_while_redis_was_away_does_not_run_again_though_its_agent_was_killed(
    server: ServerAt, person: Desk, agents: StartAgent, tmp_path: Path
) -> None:
    journal = Journal(tmp_path)
    agent = agents(server.url, lease=LEASE).ready()
    task_id = person.push("echo begun; " + journal.task(0.3) + "; echo and this is the end of it")
    person.printed(task_id, "begun\n")
    with frozen(person):
        until(lambda: "end" in [line.what for line in journal.lines()])
        until(lambda: any(file.stat().st_size for file in tmp_path.glob("spool/agent-1/*")))
        agent.kill()
    agents(server.url, lease=LEASE).ready()
    (task,) = person.succeeded(task_id)
    assert task.attempt == 1
    assert person.log(task_id) == "begun\nand this is the end of it\n"
    assert journal.starts() == [task_id]
    person.settled()


def test_a_full_disk_does_not_stop_the_agent(
    server: ServerAt, person: Desk, agents: StartAgent, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_text("in the way")
    agent = agents(server.url, lease=LEASE).ready()
    assert person.ran(content="exit 3").status is Status.FAILED
    person.works()
    assert agent.log.count("ends are not spooled") == 1
