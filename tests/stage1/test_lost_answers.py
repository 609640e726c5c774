"""Answers that are lost: whatever Redis did unheard is found, and done once."""

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from common.domain.status import Status
from common.lab.until import until
from common.store.scripts import source
from tests.servers import RedisAt
from tests.stage1.conftest import StartLiving
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal
from tests.stage1.losing import Command, Losing, calls

COMMANDS = ["BRPOPLPUSH", "take", "submit", "HDEL", "BRPOP", "claim", "log", "report", "lease", "promote", "enqueue"]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.service.PAUSE_AFTER_TROUBLE", 0.1)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_lost_answer_loses_nothing_and_runs_nothing_twice(
    redis_at: RedisAt, desk: Desk, living: StartLiving, journal: Journal, command: str
) -> None:
    losing = Losing(redis_at.client, calls(command), times=2)
    living(client=losing.client, lease=3)
    ids = desk.push_many([f"echo printed; {journal.task(0.15)}"] * 6)

    tasks = desk.succeeded(*ids)

    until(lambda: losing.lost, what=f"an answer to {command} to be lost")
    assert sorted(journal.starts()) == sorted(ids)
    journal.check()
    assert {desk.log(task.task_id, task.attempt) for task in tasks} == {"printed\n"}
    assert all(task.failures == task.lost == 0 for task in tasks)
    assert desk.redis.zcard(desk.keys.all) == 6
    desk.settled()


def test_tasks_granted_in_a_lost_answer_are_run_by_the_next_attempt(
    redis_at: RedisAt, desk: Desk, living: StartLiving, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    ids = desk.push_many([journal.task()] * 3)
    losing = Losing(redis_at.client, calls("claim"))
    living(client=losing.client)
    tasks = desk.succeeded(*ids)
    assert {task.attempt for task in tasks} <= {1, 2}
    assert sorted(journal.starts()) == sorted(ids)
    taken_back = [task for task in tasks if task.attempt == 2]
    for task in taken_back:
        assert desk.verbs(task.task_id)[:4] == ["submit", "assign", "start", "requeue"]
        assert desk.store.history(task.task_id)[3]["reason"] == "STUCK"
    assert caplog.text.count("granted in an answer that was lost: now PENDING") == len(taken_back)


@pytest.mark.parametrize("command", ["take", "BRPOPLPUSH"])
def test_a_take_that_arrives_after_it_was_given_up_strands_nothing(
    redis_at: RedisAt, desk: Desk, living: StartLiving, command: str
) -> None:
    desk.redis.script_load(source("take"))
    late = Losing(redis_at.client, calls(command), late=True)
    living(client=late.client)
    until(lambda: late.lost)
    task_id = desk.push("true")
    late.arrive()
    desk.succeeded(task_id)
    desk.settled()


def test_a_take_that_arrives_when_nobody_waits_for_it_any_more_strands_nothing(desk: Desk, living: StartLiving) -> None:
    """As in a network that heals: what it held up comes long after the repeat."""
    living()
    desk.works()
    held = desk.keys.held(desk.keys.tasks_queue, "agent-1")
    # What such a take leaves there.
    desk.redis.hset(held, "01A-LATE-ONE", '{"content":"true","taskId":"late"}')
    until(lambda: desk.store.get("late"))
    desk.succeeded("late")
    desk.settled()


def test_a_claim_that_arrives_when_nobody_waits_for_it_any_more_strands_nothing(
    redis_at: RedisAt, desk: Desk, living: StartLiving, tmp_path: Path
) -> None:
    desk.redis.script_load(source("claim"))
    late = Losing(redis_at.client, calls("claim"), late=True)
    living(client=late.client, slots=1)
    until(lambda: late.lost)
    first = desk.push(f"until [ -e {tmp_path}/go ]; do sleep 0.02; done")
    desk.running(first)
    stranded = desk.push("true")
    desk.reached(stranded, Status.PENDING)

    late.arrive()

    assert desk.task(stranded).status is Status.RUNNING
    (tmp_path / "go").touch()
    desk.succeeded(first, stranded)
    assert desk.task(stranded).attempt == 2
    desk.settled()


def test_a_report_told_twice_is_the_same_report(redis_at: RedisAt, desk: Desk, living: StartLiving) -> None:
    losing = Losing(redis_at.client, calls("report"), times=5)
    living(client=losing.client)
    task = desk.ran(content="exit 3", retries=1, retryDelay=0)
    assert (task.status, task.attempt, task.failures) == (Status.FAILED, 2, 1)
    assert desk.verbs(task.task_id) == ["submit", "assign", "start", "report", "assign", "start", "report"]


def test_a_link_that_loses_every_tenth_answer_loses_no_task(
    redis_at: RedisAt, desk: Desk, living: StartLiving, journal: Journal
) -> None:
    rng = random.Random(4)
    losing = Losing(redis_at.client, lambda _: rng.random() < 0.1, times=10_000)
    living(client=losing.client, lease=20, max_lost=100)
    ids = desk.push_many([journal.task(), "exit 1", journal.task(0.05)] * 10, retries=1, retryDelay=0)
    tasks = [desk.ended(task_id, within=40) for task_id in ids]
    assert [task.status for task in tasks] == [Status.SUCCESS, Status.FAILED, Status.SUCCESS] * 10
    assert {task.failures for task in tasks[1::3]} == {1}
    journal.check()
    assert len(journal.starts()) == 20


def test_a_boot_that_can_not_prove_its_lease_any_more_takes_nothing_back_itself(
    redis_at: RedisAt, desk: Desk, living: StartLiving, caplog: pytest.LogCaptureFixture
) -> None:
    """Redis hears it renew, so the lease is there for long; but no answer tells it so. And its end takes a while."""
    deaf, is_lease, never = True, calls("lease"), threading.Event()

    def loses(command: Command) -> bool:
        if deaf and command[0] == "BRPOPLPUSH":
            never.wait(1.0)
        return deaf and is_lease(command) and "renew" in command

    agent = living(client=Losing(redis_at.client, loses, times=1000).client, lease=1.5)
    boot = agent.ready(desk)
    task_id = desk.push("[ $TASK_ATTEMPT -gt 1 ] || sleep 60")
    desk.running(task_id)
    until(lambda: "lease lost: it could not be renewed in time" in caplog.text)
    until(lambda: desk.task(task_id).status is Status.PENDING)
    deaf = False
    (task,) = desk.succeeded(task_id)
    # It may have been waiting at the bell, and be granted what it hands back; then that attempt never starts.
    assert task.attempt in {2, 3}
    assert task.boot != boot


def test_a_redis_that_forgot_its_last_second_starts_nothing_twice_at_the_same_time(
    desk: Desk, living: StartLiving, journal: Journal
) -> None:
    """As after a crash of one that writes to its disk once a second: it knows nothing of the claim."""
    living()
    task_id = desk.push(journal.task(0.8))
    desk.running(task_id)
    until(journal.starts)
    with desk.redis.pipeline() as pipe:
        pipe.hset(desk.keys.task(task_id), mapping={"status": "PENDING", "attempt": 0, "agent": "", "boot": ""})
        pipe.hdel(desk.keys.task(task_id), "startedAt")
        pipe.ltrim(desk.keys.history(task_id), 0, 0)
        pipe.zrem(desk.keys.index(Status.RUNNING), task_id)
        pipe.zadd(desk.keys.index(Status.PENDING), {task_id: 1})
        pipe.zadd(desk.keys.pending, {task_id: 1})
        pipe.execute()
    desk.works()
    assert desk.task(task_id).status is Status.RUNNING
    (task,) = desk.succeeded(task_id)
    assert task.attempt == 1
    assert journal.starts() == [task_id]
    journal.check()


def test_where_ends_can_not_be_stored_it_does_not_go_on_for_ever(
    redis_at: RedisAt, desk: Desk, living: StartLiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis takes claims and refuses reports, for a reason that nobody foresaw."""
    broken = True

    def client(**options: object) -> object:
        client = redis_at.client(**options)
        execute: Callable[..., object] = client.execute_command
        is_report = calls("report")

        def refusing(*command: object, **how: object) -> object:
            if broken and is_report(command):
                raise ResponseError("ERR no such luck")
            return execute(*command, **how)

        monkeypatch.setattr(client, "execute_command", refusing)
        return client

    living(client=client, slots=2)
    ids = desk.push_many(["true"] * 20)
    until(lambda: desk.store.counts()[Status.RUNNING] == 4)
    desk.push_raw("bad")
    desk.buried()
    assert desk.store.counts()[Status.RUNNING] == 4
    broken = False
    desk.succeeded(*ids)
    assert {task.attempt for task in desk.succeeded(*ids)} == {1}
