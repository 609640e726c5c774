"""L3 of RELIABILITY.md: something happens to an agent at a crash point; then every task ends and all records agree.

A real agent behind its fence, on a real server, under a small load whose tasks keep a journal of their own.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from common.lab.task_processes import task_processes
from common.lab.until import until
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import WITHIN, Desk
from tests.stage1.journal import Journal
from tests.stage1.judging import breaches

LEASE = 1.5
MAX_LOST = 3


def survives(point: str, action: str, server: ServerAt, person: Desk, agents: StartAgent, home: Path) -> None:
    """Let the action happen at the point, and see that no task is lost, nor runs twice at once."""
    journal, reached = Journal(home), home / "reached"
    agent = agents(server.url, lease=LEASE, max_lost=MAX_LOST, failpoint=f"{point}:{action}:{reached}").ready()

    ids = person.push_many([f"echo hello; {journal.task(0.2)}"] * 8)
    ids += [person.push(journal.task() + "; test $TASK_ATTEMPT -gt 1", retries=3, retryDelay=0)]
    pid = int(until(lambda: reached.exists() and reached.read_text(), WITHIN, what=f"{point} to be reached"))
    if action == "freeze":
        until(lambda: not person.redis.exists(person.keys.agent("agent-1")), WITHIN, what="the lease to run out")
        # Where something ran, its fence has killed it by now.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    person.works()
    tasks = person.succeeded(*ids)

    person.settled()
    journal.check()
    for task in tasks:
        own = [line for line in journal.lines() if line.task_id == task.task_id]
        assert breaches(task, person.store.history(task.task_id), own, max_lost=MAX_LOST) == []
    until(lambda: spooled(home) == 0, WITHIN, what="the spool to be empty")
    assert task_processes(home) == []
    agent.term()
    assert agent.exit_code() == 0


def spooled(home: Path) -> int:
    """Bytes that the agent keeps on disk of ends which are not stored yet."""
    return sum(path.stat().st_size for path in (home / "spool").rglob("*") if path.is_file())
