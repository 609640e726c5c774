"""The fence: whatever happens to an agent, no command of it lives longer than its lease, and it comes back."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from common.domain.result import Reason
from common.domain.status import Status
from common.lab.processes import find
from common.lab.until import until
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal
from tests.stage1.processes import gone

LEASE = 1.2

ESCAPE = "env -i setsid sh -c 'setsid sh -c \"echo \\$\\$ >> {pids}; exec sleep 60\" & exec sleep 60' >/dev/null 2>&1 &"
"""A daemon that left its group and its session, was adopted, and carries nothing of its task's environment."""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


class Escapist:
    """A task whose processes try to outlive it; they write their pids into a file."""

    def __init__(self, directory: Path) -> None:
        self._pids = directory / "pids"
        self.content = f"echo $$ >> {self._pids}; {ESCAPE.format(pids=self._pids)} [ $TASK_ATTEMPT -gt 1 ] || sleep 60"

    def pids(self, count: int) -> list[int]:
        """Wait until so many are there."""

        def there() -> list[int]:
            found = [int(line) for line in self._pids.read_text().split()] if self._pids.exists() else []
            return found if len(found) >= count else []

        return until(there)


def boot_of(person: Desk) -> str:
    return str(person.redis.hget(person.keys.agent("agent-1"), "boot") or "")


def killed(person: Desk, task_id: str, boot: str) -> int:
    """How many processes the fence killed when it ended that boot, as the task's history has it."""
    (taken_back,) = [entry for entry in person.store.history(task_id) if entry["verb"] == "requeue"]
    proof = taken_back["proof"]
    assert (taken_back["boot"], proof["by"]) == (boot, "fence")
    assert proof.get("certain", True)
    assert proof["seconds"] == proof["afterKill"]
    ((signal_name, count),) = proof["signals"]
    assert signal_name == "KILL"
    return int(count)


def test_a_frozen_agents_commands_are_dead_before_its_lease_is_over(
    server: ServerAt, person: Desk, agents: StartAgent, tmp_path: Path
) -> None:
    agent = agents(server.url, lease=LEASE).ready()
    boot, escapist = boot_of(person), Escapist(tmp_path)
    task_id = person.push(escapist.content)
    pids = escapist.pids(2)

    agent.freeze()
    # As long as the lease is there nobody else may start the task; when it is gone, nothing of it may live.
    until(lambda: boot_of(person) != boot, every=0.001)
    assert [pid for pid in pids if not gone(pid)] == []

    (task,) = person.succeeded(task_id)
    assert (task.attempt, task.lost) == (2, 1)
    assert task.boot != boot
    # The agent, the task's shell, and what escaped.
    assert killed(person, task_id, boot) >= 4
    assert "the agent let its lease run out; " in agent.log
    assert agent.lives
    person.works()


def test_a_killed_agents_commands_die_at_once_and_it_comes_back_as_a_new_boot(
    server: ServerAt, person: Desk, agents: StartAgent, tmp_path: Path
) -> None:
    agent = agents(server.url, lease=LEASE).ready()
    boot, escapist = boot_of(person), Escapist(tmp_path)
    task_id = person.push(escapist.content)
    pids = escapist.pids(2)

    agent.body.send(signal.SIGKILL)
    until(lambda: all(gone(pid) for pid in pids), within=LEASE)
    assert boot_of(person) == boot

    (task,) = person.succeeded(task_id)
    assert (task.attempt, task.lost) == (2, 1)
    assert killed(person, task_id, boot) >= 3
    agent.says("started again, as a new boot")
    person.works()


def test_an_agent_whose_fence_is_killed_dies_with_all_that_it_runs(
    server: ServerAt, person: Desk, agents: StartAgent
) -> None:
    agent = agents(server.url, lease=LEASE).ready()
    task_id = person.push("echo $$; [ $TASK_ATTEMPT -gt 1 ] || sleep 60")
    person.printed(task_id, "\n")
    pid, body = int(person.log(task_id)), agent.body

    agent.process.kill()
    until(lambda: gone(pid) and not body.alive(), within=LEASE)

    agents(server.url, lease=LEASE).ready()
    (task,) = person.succeeded(task_id)
    assert (task.attempt, task.lost) == (2, 1)


def test_a_task_can_kill_its_agent_no_more_often_than_it_may(
    server: ServerAt, person: Desk, agents: StartAgent
) -> None:
    agent = agents(server.url, lease=LEASE, max_lost=2).ready()
    task_id = person.push("kill -9 $PPID; exec sleep 60")
    task = person.ended(task_id)
    assert task.result
    assert (task.status, task.attempt, task.result.reason) == (Status.FAILED, 2, Reason.AGENT_LOST)
    assert agent.lives
    person.works()


def test_a_signal_is_passed_on_and_the_exit_code_comes_back(server: ServerAt, person: Desk, agents: StartAgent) -> None:
    agent = agents(server.url, lease=LEASE).ready()
    task_id = person.push("sleep 0.5")
    person.running(task_id)
    agent.term()
    assert agent.exit_code() == 0
    (task,) = person.succeeded(task_id)
    assert task.attempt == 1
    assert boot_of(person) == ""


def test_an_agent_that_may_not_run_is_not_started_again(server: ServerAt, person: Desk, agents: StartAgent) -> None:
    agents(server.url, lease=LEASE).ready()
    second = agents(server.url, lease=LEASE)
    assert second.exit_code() == 1
    assert "another live process is agent 'agent-1'" in second.log
    assert "started again" not in second.log
    person.works()


def test_a_longer_outage_of_redis_ends_the_tasks_and_the_same_process_goes_on_as_a_new_boot(
    agents: StartAgent, server: ServerAt, person: Desk, journal: Journal
) -> None:
    agent = agents(server.url, lease=LEASE).ready()
    body = agent.body
    task_id = person.push("echo $$; " + journal.task(0.3) + "; [ $TASK_ATTEMPT -gt 1 ] || sleep 60")
    person.printed(task_id, "\n")
    pid = int(person.log(task_id).split()[0])
    redis = find(int(person.redis.info("server")["process_id"]))
    assert redis
    redis.send(signal.SIGSTOP)
    try:
        until(lambda: gone(pid), within=LEASE + 1)
    finally:
        redis.send(signal.SIGCONT)
    (task,) = person.succeeded(task_id)
    assert agent.body == body
    journal.check()
    assert journal.starts() == [task_id, task_id]
    assert task.lost == 0


def test_idle_it_waits_for_redis_without_being_started_again(
    server: ServerAt, person: Desk, agents: StartAgent
) -> None:
    agent = agents(server.url, lease=0.6).ready()
    body = agent.body
    redis = find(int(person.redis.info("server")["process_id"]))
    assert redis
    redis.send(signal.SIGSTOP)
    try:
        agent.says("lease lost")
        stopped = time.monotonic()
        until(lambda: time.monotonic() - stopped > 1)
    finally:
        redis.send(signal.SIGCONT)
    person.works()
    assert agent.body == body


def test_an_agent_and_its_fence_share_what_they_have_loaded(server: ServerAt, agents: StartAgent) -> None:
    assert os.geteuid() == 0, "the memory of an agent can be seen by root alone"
    agent = agents(server.url, lease=LEASE).ready()
    fence, body = (psutil.Process(pid).memory_full_info() for pid in (agent.process.pid, agent.body.pid))
    assert fence.uss < fence.rss / 3
    assert fence.pss + body.pss < 50 * 1_048_576


def test_it_reaps_what_tasks_leave_behind(server: ServerAt, person: Desk, agents: StartAgent) -> None:
    agent = agents(server.url, lease=LEASE).ready()
    person.succeeded(*person.push_many(["(setsid true &) ; true"] * 20))

    def zombies() -> list[int]:
        children = psutil.Process(agent.process.pid).children()
        return [child.pid for child in children if child.status() == psutil.STATUS_ZOMBIE]

    until(lambda: not zombies())
