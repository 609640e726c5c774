"""Stopping: the first signal lets tasks end, the second hands them back; and no wait keeps an agent from going."""

import signal
import time

import pytest

from common.domain.status import Answer, Status
from common.lab.ports import free_ports
from common.lab.servers.redis import redis_url
from common.lab.until import until
from common.settings import Settings
from tests.conftest import OwnRedis
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent, StartLiving
from tests.stage1.desk import Desk
from tests.stage1.processes import gone

SOON = 2.5
LEASE = Settings.load({}).lease
"""Seconds in which an agent that has nothing to wait for is gone; on an idle machine it takes one."""


def assert_let_go(desk: Desk) -> None:
    """The agent gave back its lease and holds nothing."""
    assert not desk.redis.exists(desk.keys.agent("agent-1"))
    desk.settled()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_lets_running_tasks_end_and_takes_nothing_new(
    server: ServerAt, person: Desk, agents: StartAgent, number: signal.Signals
) -> None:
    agent = agents(server.url, slots=1).ready()
    running = person.push("echo started; sleep 4; echo finished")
    waiting = person.push("true")
    person.printed(running, "started\n")
    person.reached(waiting, Status.PENDING)

    agent.process.send_signal(number)
    agent.says("draining: 1 tasks still run")
    late = person.push("true")

    assert agent.exit_code() == 0
    assert person.task(running).status is Status.SUCCESS
    assert person.log(running) == "started\nfinished\n"
    assert person.task(running).attempt == 1
    assert person.task(waiting).attempt == 0
    assert person.store.get(late) is None
    assert person.redis.llen(person.keys.tasks_queue) == 1
    assert not person.redis.exists(person.keys.agent("agent-1"))
    assert agent.log.endswith(" INFO dts.agent stopped agent=agent-1\n")

    # Its lease was given back: the next one need not wait for it.
    asked = time.monotonic()
    agents(server.url).ready()
    assert time.monotonic() - asked < LEASE - 3
    person.succeeded(waiting, late)


def test_an_agent_with_nothing_to_do_is_gone_soon(server: ServerAt, person: Desk, agents: StartAgent) -> None:
    agent = agents(server.url).ready()
    person.works()
    asked = time.monotonic()
    agent.term()
    assert agent.exit_code() == 0
    assert time.monotonic() - asked < SOON
    assert_let_go(person)


def test_a_second_signal_hands_running_tasks_back_at_no_cost(
    server: ServerAt, person: Desk, agents: StartAgent
) -> None:
    agent = agents(server.url).ready()
    ids = [
        person.push("echo $$; exec sleep 60"),
        person.push("trap '' TERM; echo $$; while :; do sleep 0.05; done"),
        person.push("trap '' TERM; setsid sh -c 'echo $$; exec sleep 60' & wait; wait"),
    ]
    pids = [pid_in(person, task_id) for task_id in ids]
    agent.term()
    agent.says("draining: 3 tasks still run")
    asked = time.monotonic()

    agent.term()

    assert agent.exit_code() == 0
    assert time.monotonic() - asked < SOON
    assert all(gone(pid) for pid in pids)
    for task_id in ids:
        task = person.task(task_id)
        assert (task.status, task.attempt, task.failures, task.lost) == (Status.PENDING, 1, 0, 0)
        assert person.store.history(task_id)[-1]["reason"] == "AGENT_STOPPED"
    assert_let_go(person)

    agents(server.url).ready()
    for task_id in ids:
        assert person.running(task_id).attempt == 2
    assert person.store.cancel(ids, "person") == [Answer.REQUESTED] * 3
    for task_id in ids:
        person.ended(task_id)


def test_when_the_time_for_draining_is_over_tasks_are_handed_back(
    server: ServerAt, person: Desk, agents: StartAgent
) -> None:
    agent = agents(server.url, drain=0.3).ready()
    task_id = person.push("echo $$; exec sleep 60")
    pid = pid_in(person, task_id)
    agent.term()
    assert agent.exit_code() == 0
    assert gone(pid)
    assert person.task(task_id).status is Status.PENDING
    assert_let_go(person)


def test_while_it_drains_all_else_goes_on(server: ServerAt, person: Desk, agents: StartAgent) -> None:
    """Longer than its lease: renewing, live output, cancelling and reporting."""
    agent = agents(server.url, lease=1.5).ready()
    long = person.push("sleep 1.8; echo live; sleep 0.4")
    cancelled = person.push("sleep 60")
    for task_id in (long, cancelled):
        person.running(task_id)
    agent.term()
    agent.says("draining: 2 tasks still run")

    assert person.cancel(cancelled) is Answer.REQUESTED
    assert person.ended(cancelled).status is Status.CANCELLED
    person.printed(long, "live\n")
    assert agent.lives

    assert agent.exit_code() == 0
    assert (person.task(long).status, person.task(long).attempt) == (Status.SUCCESS, 1)
    assert_let_go(person)


def test_an_agent_that_waits_for_redis_can_be_stopped(agents: StartAgent) -> None:
    agent = agents(redis_url(next(free_ports())))
    agent.says("waiting: Redis is away")
    agent.term()
    assert agent.exit_code(SOON) == 0


def test_an_agent_that_waits_for_its_lease_can_be_stopped(server: ServerAt, person: Desk, agents: StartAgent) -> None:
    person.redis.hset(person.keys.agent("agent-1"), "boot", "another")
    agent = agents(server.url)
    agent.says("waiting: the lease of agent 'agent-1' is still held")
    agent.term()
    assert agent.exit_code(SOON) == 0
    assert person.redis.hget(person.keys.agent("agent-1"), "boot") == "another"


def test_an_agent_whose_redis_is_away_can_be_stopped(own_redis: OwnRedis, agents: StartAgent) -> None:
    server = own_redis()
    desk = Desk(server.client())
    agent = agents(server.url).ready()
    task_id = desk.push("echo $$; exec sleep 60")
    pid = pid_in(desk, task_id)
    server.kill()
    agent.term()
    agent.says("draining")
    agent.term()
    # It tries for a while to tell what became of the task, and leaves it to the next boot.
    assert agent.exit_code() == 0
    assert gone(pid)
    agent.says("1 ends are not reported yet; the next boot here does it")


@pytest.mark.parametrize("second_after", [0.0, 0.2])
def test_signals_at_any_moment_end_it(server: ServerAt, person: Desk, agents: StartAgent, second_after: float) -> None:
    agent = agents(server.url).ready()
    person.push_many(["sleep 0.05"] * 50)
    agent.term()
    over = time.monotonic() + second_after
    until(lambda: time.monotonic() >= over)
    for _ in range(5):
        agent.term()
    assert agent.exit_code() == 0
    assert not person.redis.exists(person.keys.agent("agent-1"))
    assert person.store.counts()[Status.RUNNING] == 0


def test_in_this_process_too_a_running_task_is_let_end(desk: Desk, living: StartLiving) -> None:
    agent = living()
    task_id = desk.push("sleep 0.3")
    desk.running(task_id)
    agent.tell()
    agent.gone()
    assert desk.task(task_id).status is Status.SUCCESS
    assert_let_go(desk)


def test_many_signals_while_it_works_are_never_lost(server: ServerAt, agents: StartAgent) -> None:
    """A handler that took a lock could wait for ever for the code it interrupted."""
    agent = agents(server.url, drain=0).ready()
    hammering = [agent] * 200
    for target in hammering:
        if target.lives:
            target.term()
    assert agent.exit_code() == 0


def pid_in(desk: Desk, task_id: str) -> int:
    """Of a task that prints its own."""
    desk.printed(task_id, "\n")
    return int(desk.log(task_id).split()[0])
