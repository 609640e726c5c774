"""L3 of RELIABILITY.md: something happens to an agent at a crash point; then every task ends and all records agree.

A real agent behind its fence, on a real server, under a small load whose tasks keep a journal of their own.
"""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

from common.domain.status import Status
from common.lab.task_processes import task_processes
from common.lab.until import until
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import WITHIN, Desk
from tests.stage1.journal import Journal
from tests.stage1.judging import breaches, run_again
from tests.stage1.processes import gone

LEASE = 1.5
MAX_LOST = 3


KNOWN_ON_DISK = ("C15", "C16")
"""Where ends are in the spool, but not known to be stored."""


def survives(point: str, action: str, server: ServerAt, person: Desk, agents: StartAgent, home: Path) -> None:
    """Let the action happen at the point, and see that no task is lost, nor runs twice at once or once too often."""
    journal, reached = Journal(home), home / "reached"
    agent = agents(server.url, lease=LEASE, max_lost=MAX_LOST, failpoint=f"{point}:{action}:{reached}").ready()
    boot = boot_of(person)

    ids = []
    if action != "lose":
        # Only the fence ends it, unless it first starts when all is over.
        ids += [person.push(journal.task(f"$(test -e {reached} && echo 0 || echo 60)", meanwhile=journal.daemon))]
    ids += person.push_many([f"echo hello; {journal.task(0.2)}"] * 8)
    ids += [person.push(journal.task() + "; test $TASK_ATTEMPT -gt 1", retries=3, retryDelay=0)]
    pid = int(until(lambda: reached.exists() and reached.read_text(), WITHIN, what=f"{point} to be reached"))
    ended = unstored(home)
    if action != "lose":
        pids = [line.pid for line in journal.lines() if line.what != "end"]
        assert ended or point not in KNOWN_ON_DISK
        until(lambda: boot_of(person) != boot, WITHIN, every=0.001, what="the lease to run out")
        assert [pid for pid in pids if not gone(pid)] == []
        # It may be frozen still where nothing ran, for then there was nothing to fence.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    person.works()
    tasks = person.succeeded(*ids)

    person.settled()
    journal.check()
    assert breaches(person, journal, ids, max_lost=MAX_LOST) == []
    for task in tasks:
        if action == "lose" and point in KNOWN_ON_DISK:
            assert "requeue" not in person.verbs(task.task_id)
    for task_id, attempt, status in ended:
        assert run_again(person.store.history(task_id), attempt) == []
        starts = [line.attempt for line in journal.lines() if line.task_id == task_id and line.what == "start"]
        assert status != Status.SUCCESS or starts[-1] == attempt
    until(lambda: spooled(home) == 0, WITHIN, what="the spool to be empty")
    assert task_processes(home) == []
    agent.term()
    assert agent.exit_code() == 0


def boot_of(person: Desk) -> str:
    return str(person.redis.hget(person.keys.agent("agent-1"), "boot") or "")


def unstored(home: Path) -> list[tuple[str, int, str]]:
    """(task id, attempt, status) of the ends on disk that are not known to be stored."""
    found = []
    for path in (home / "spool").rglob("*"):
        if path.is_file():
            entries = [json.loads(line) for line in path.read_text().rpartition("\n\n")[2].splitlines()]
            found += [(entry["of"]["task_id"], entry["of"]["attempt"], entry["result"]["status"]) for entry in entries]
    return found


def spooled(home: Path) -> int:
    """Bytes that the agent keeps on disk of ends which are not stored yet."""
    return sum(path.stat().st_size for path in (home / "spool").rglob("*") if path.is_file())
