"""An agent that is killed or frozen: what it held runs again, never twice at the same time, and nothing is lost."""

import json
import random
from pathlib import Path

import pytest

from common.domain.result import Reason
from common.domain.status import Answer, Status
from common.lab.until import until
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk
from tests.stage1.journal import ENDLESS_AT_FIRST, Journal
from tests.stage1.processes import gone

LEASE = 1.2


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def pid_in(desk: Desk, task_id: str, attempt: int = 1) -> int:
    """Of a task that prints its own."""
    desk.printed(task_id, "\n", attempt)
    return int(desk.log(task_id, attempt).split()[0])


def test_what_a_killed_agent_ran_is_ended_and_runs_again(
    server: ServerAt, person: Desk, bare_agents: StartAgent, journal: Journal
) -> None:
    agent = bare_agents(server.url, lease=LEASE).ready()
    boot = str(person.redis.hget(person.keys.agent("agent-1"), "boot"))
    task_id = person.push("echo $$; " + journal.task(ENDLESS_AT_FIRST))
    escaped = person.push("setsid sh -c 'echo $$; exec sleep 60' & wait")
    pids = [pid_in(person, task_id), pid_in(person, escaped)]
    left = person.running(task_id)

    agent.kill()
    assert not any(gone(pid) for pid in pids)
    second = bare_agents(server.url, lease=LEASE).ready()

    (task,) = person.succeeded(task_id)
    assert all(gone(pid) for pid in pids)
    assert (task.attempt, task.lost, task.failures) == (2, 1, 0)
    assert task.boot != boot == left.boot
    requeue = next(entry for entry in person.store.history(task_id) if entry["verb"] == "requeue")
    assert (requeue["reason"], requeue["attempt"], requeue["boot"]) == ("AGENT_LOST", 1, boot)
    assert "taken back from an earlier boot: now PENDING" in second.log
    journal.check()
    assert journal.starts() == [task_id, task_id]
    person.cancel(escaped)
    person.ended(escaped)
    person.settled()


def test_what_it_left_running_is_ended_even_where_redis_has_forgotten_it(
    server: ServerAt, person: Desk, bare_agents: StartAgent
) -> None:
    agent = bare_agents(server.url, lease=LEASE).ready()
    pid = pid_in(person, person.push("setsid sh -c 'echo $$; exec sleep 60' & wait"))
    agent.kill()
    person.redis.flushall()
    bare_agents(server.url, lease=LEASE).ready()
    until(lambda: gone(pid))


def test_what_it_left_on_disk_is_removed(
    server: ServerAt, person: Desk, bare_agents: StartAgent, tmp_path: Path
) -> None:
    agent = bare_agents(server.url, lease=LEASE).ready()
    task_id = person.push("touch some-file; mkdir -m 0 locked; echo $PWD; exec sleep 60")
    person.printed(task_id, "\n")
    directory = Path(person.log(task_id).strip())
    assert directory.is_relative_to(tmp_path / "work" / "agent-1")
    assert (directory / "some-file").exists()
    agent.kill()
    bare_agents(server.url, lease=LEASE).ready()
    until(lambda: not directory.parent.exists())
    person.cancel(task_id)
    person.ended(task_id)


def test_a_task_that_asks_for_it_is_failed_when_its_agent_is_lost(
    server: ServerAt, person: Desk, bare_agents: StartAgent
) -> None:
    agent = bare_agents(server.url, lease=LEASE).ready()
    once = person.push("sleep 60", onAgentLost="fail", retries=5)
    unwanted = person.push("sleep 60")
    for task_id in (once, unwanted):
        person.running(task_id)
    agent.freeze()
    assert person.cancel(unwanted) is Answer.REQUESTED
    agent.kill()

    bare_agents(server.url, lease=LEASE).ready()

    task = person.ended(once)
    assert task.result
    assert (task.status, task.attempt, task.result.reason) == (Status.FAILED, 1, Reason.AGENT_LOST)
    assert person.ended(unwanted).status is Status.CANCELLED


def test_a_task_that_kills_its_agents_is_given_up(server: ServerAt, person: Desk, bare_agents: StartAgent) -> None:
    task_id = person.push("kill -9 $PPID; exec sleep 60")
    for _ in range(2):
        assert bare_agents(server.url, lease=0.6, max_lost=2).exit_code() == -9
    bare_agents(server.url, lease=LEASE, max_lost=2).ready()
    task = person.ended(task_id)
    assert task.result
    assert (task.status, task.attempt, task.result.reason) == (Status.FAILED, 2, Reason.AGENT_LOST)
    assert json.loads(str(person.redis.lindex(person.keys.dead, 0)))["taskId"] == task_id
    person.works()


def test_a_frozen_agent_is_replaced_and_ends_itself_when_it_wakes(
    server: ServerAt, person: Desk, bare_agents: StartAgent, journal: Journal
) -> None:
    first = bare_agents(server.url, lease=LEASE).ready()
    task_id = person.push("echo $$; " + journal.task(ENDLESS_AT_FIRST))
    pid = pid_in(person, task_id)

    first.freeze()
    second = bare_agents(server.url, lease=LEASE).ready()
    until(lambda: gone(pid))
    (task,) = person.succeeded(task_id)
    assert task.attempt == 2
    journal.check()

    first.thaw()
    first.says("lease lost: ")
    assert first.exit_code() == 1
    assert "another live process is agent 'agent-1'" in first.log
    assert second.lives
    assert person.task(task_id) == task
    person.works()


def test_an_agent_frozen_for_less_than_its_lease_goes_on(
    server: ServerAt, person: Desk, bare_agents: StartAgent
) -> None:
    agent = bare_agents(server.url, lease=6).ready()
    task_id = person.push("echo $$; sleep 0.3")
    pid_in(person, task_id)
    agent.freeze()
    pid = pid_in(person, task_id)
    # The process ends while nobody looks; its end is seen afterwards.
    until(lambda: gone(pid))
    agent.thaw()
    (task,) = person.succeeded(task_id)
    assert task.attempt == 1
    assert "lease lost" not in agent.log


def test_every_message_becomes_one_task_that_ends_however_often_the_agent_is_killed(
    server: ServerAt, person: Desk, bare_agents: StartAgent, journal: Journal
) -> None:
    """The agent is killed at random moments while messages are pushed, taken, submitted, claimed, run and reported."""
    pushed, kills, lease = 300, 10, 0.8
    rng = random.Random(4)
    settings = {"lease": lease, "max_lost": 100, "slots": 6}
    ids: list[str] = []
    agent = bare_agents(server.url, **settings).ready()
    for kill in range(kills):
        ids += person.push_many([journal.task(rng.choice((0, 0, 0.02, 0.2)))] * (pushed // kills))
        enough = min(succeeded(person) + rng.randrange(8), len(ids))
        until(lambda enough=enough: succeeded(person) >= enough)  # type: ignore[misc]
        if kill % 3 == 0:
            agent.freeze()
        agent.kill()
        agent = bare_agents(server.url, **settings).ready()

    tasks = person.succeeded(*ids)

    person.settled()
    assert person.redis.zcard(person.keys.all) == pushed
    journal.check()
    assert {line.task_id for line in journal.lines() if line.what == "end"} == set(ids)
    assert max(task.attempt for task in tasks) > 1
    for task in tasks:
        starts = [line.attempt for line in journal.lines() if line.task_id == task.task_id and line.what == "start"]
        assert starts[-1] == task.attempt
        assert starts == sorted(set(starts))


def succeeded(desk: Desk) -> int:
    return desk.store.counts()[Status.SUCCESS]
