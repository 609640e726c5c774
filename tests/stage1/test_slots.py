"""Slots: never more at once, filled in one take, in the order in which tasks came; and only through the start gate."""

from pathlib import Path

import pytest

from common.domain.status import Status
from common.lab.until import until
from tests.servers import RedisAt
from tests.stage1.conftest import StartLiving
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal
from tests.stage1.losing import Holding


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def test_never_more_run_at_once_than_there_are_slots(desk: Desk, living: StartLiving, journal: Journal) -> None:
    ids = desk.push_many([journal.task(0.05)] * 12)
    living(slots=3)
    desk.succeeded(*ids)
    assert journal.most_at_once() == 3
    journal.check()


def test_free_slots_are_filled_in_one_take(desk: Desk, living: StartLiving) -> None:
    ids = desk.push_many(["true"] * 4)
    living(slots=4)
    tasks = desk.succeeded(*ids)
    assert len({task.started_at for task in tasks}) == 1


def test_tasks_start_in_the_order_in_which_they_were_pushed(desk: Desk, living: StartLiving, journal: Journal) -> None:
    first = desk.push_many([journal.task()] * 10)
    living(slots=1)
    second = desk.push_many([journal.task()] * 10)
    desk.succeeded(*first, *second)
    assert journal.starts() == first + second


def test_a_long_task_keeps_one_slot_and_no_other(desk: Desk, living: StartLiving, journal: Journal) -> None:
    living(slots=2)
    long = desk.push("sleep 60")
    desk.running(long)
    desk.succeeded(*desk.push_many([journal.task()] * 8))
    assert journal.most_at_once() == 1
    desk.cancel(long)
    desk.ended(long)


def test_a_slot_is_free_again_whatever_became_of_its_task(desk: Desk, living: StartLiving) -> None:
    living(slots=1)
    for content in ("exit 1", "kill -9 $$", "no-such-command"):
        desk.ended(desk.push(content))
    desk.ended(desk.push(["no-such-program"]))
    desk.ended(desk.push("true", type="FORTRAN"))
    desk.ended(desk.push("sleep 60", timeout=0.1))
    desk.works()


def test_a_boot_whose_lease_is_gone_is_granted_nothing(desk: Desk, living: StartLiving) -> None:
    agent = living(lease=2)
    boot = agent.ready(desk)
    lease = desk.keys.agent("agent-1")
    desk.redis.delete(lease)
    task_id = desk.push("true")
    (task,) = desk.succeeded(task_id)
    assert task.boot != boot
    assert task.attempt == 1


def test_a_boot_whose_lease_another_has_is_granted_nothing_and_ends_its_tasks(desk: Desk, living: StartLiving) -> None:
    agent = living(lease=2)
    boot = agent.ready(desk)
    running = desk.push("sleep 60", retries=1)
    desk.running(running)

    desk.redis.hset(desk.keys.agent("agent-1"), "boot", "another")
    waiting = desk.push("true")

    until(lambda: desk.task(running).status is Status.PENDING, what="the task to be handed back")
    assert desk.task(running).failures == 0
    assert desk.task(waiting).attempt == 0
    agent.stop()
    assert agent.error is None
    assert desk.redis.hget(desk.keys.agent("agent-1"), "boot") == "another"
    assert boot != "another"


def test_what_is_granted_while_the_lease_is_lost_does_not_start(
    redis_at: RedisAt, desk: Desk, living: StartLiving, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = desk.push(journal.task(60))
    holding = Holding(redis_at.client)
    agent = living(client=holding.client, lease=1.5)
    desk.running(task_id)
    desk.redis.hset(desk.keys.agent("agent-1"), "boot", "another")
    until(lambda: "lease lost" in caplog.text)

    holding.let_go.set()

    desk.reached(task_id, Status.PENDING, within=5)
    assert journal.starts() == []
    agent.stop()


def test_thousands_of_tasks_that_do_nothing_all_end(desk: Desk, living: StartLiving) -> None:
    count = 1000
    living(slots=16, executors={"NOOP": "tests.stage1.strangers:Noop"})
    ids = desk.push_many(["."] * count, type="NOOP")
    until(lambda: desk.store.counts()[Status.SUCCESS] == count, 60)
    tasks = [task for task in desk.store.get_many(ids) if task]
    assert {(task.status, task.attempt) for task in tasks} == {(Status.SUCCESS, 1)}
    desk.settled()
