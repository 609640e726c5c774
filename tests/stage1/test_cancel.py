"""Cancelling: at once where it has not started, soon where it runs, whatever the task does about it."""

import threading
import time
from pathlib import Path

import pytest

from common.domain.result import Reason
from common.domain.status import Answer, Status
from common.lab.until import until
from tests.conftest import OwnRedis
from tests.stage1.desk import Desk
from tests.stage1.living import Living, settings_of
from tests.stage1.processes import gone

GRACE = 0.3
SOON = 1.0


@pytest.fixture
def desk(served: Desk) -> Desk:
    return served


def pid_in(desk: Desk, task_id: str) -> int:
    """Of a task that prints its own."""
    desk.printed(task_id, "\n")
    return int(desk.log(task_id).split()[0])


def test_one_that_waits_is_cancelled_at_once_and_never_starts(desk: Desk) -> None:
    running = [desk.push("sleep 60") for _ in range(4)]
    for task_id in running:
        desk.running(task_id)
    waiting = desk.push("true")
    desk.reached(waiting, Status.PENDING)

    assert desk.cancel(waiting) is Answer.OK
    assert desk.task(waiting).status is Status.CANCELLED
    for task_id in running:
        assert desk.cancel(task_id) is Answer.REQUESTED
    for task_id in running:
        desk.ended(task_id)
    desk.works()
    assert desk.verbs(waiting) == ["submit", "cancel"]


def test_one_that_runs_is_ended_soon(desk: Desk) -> None:
    task_id = desk.push("echo $$; exec sleep 60")
    pid = pid_in(desk, task_id)
    asked = time.monotonic()

    assert desk.cancel(task_id) is Answer.REQUESTED

    task = desk.ended(task_id)
    assert time.monotonic() - asked < SOON
    assert task.status is Status.CANCELLED
    assert task.result
    assert task.result.reason is Reason.CANCELLED
    assert task.attempt == 1
    assert gone(pid)


def test_one_that_ignores_term_is_killed_after_the_grace(desk: Desk) -> None:
    task_id = desk.push("trap '' TERM; echo $$; while :; do sleep 0.05; done")
    pid = pid_in(desk, task_id)
    asked = time.monotonic()

    desk.cancel(task_id)

    assert desk.ended(task_id).status is Status.CANCELLED
    assert GRACE <= time.monotonic() - asked < GRACE + SOON
    assert gone(pid)


def test_what_it_started_in_a_session_of_its_own_goes_with_it(desk: Desk) -> None:
    task_id = desk.push("trap '' TERM; setsid sh -c 'echo $$; exec sleep 60' & wait; wait")
    pid = pid_in(desk, task_id)
    desk.cancel(task_id)
    desk.ended(task_id)
    assert gone(pid)


def test_one_that_succeeds_in_spite_of_it_is_cancelled_all_the_same(desk: Desk) -> None:
    task_id = desk.push("trap 'exit 0' TERM; echo $$; while :; do sleep 0.05; done")
    pid_in(desk, task_id)
    desk.cancel(task_id)
    assert desk.ended(task_id).status is Status.CANCELLED


def test_one_that_was_to_be_tried_again_is_not(desk: Desk) -> None:
    task_id = desk.push("trap 'exit 1' TERM; echo $$; while :; do sleep 0.05; done", retries=5, retryDelay=0)
    pid_in(desk, task_id)
    desk.cancel(task_id)
    task = desk.ended(task_id)
    assert (task.status, task.attempt) == (Status.CANCELLED, 1)


def test_one_that_has_ended_stays_as_it_is(desk: Desk) -> None:
    task = desk.ran()
    assert desk.cancel(task.task_id) is Answer.TERMINAL
    assert desk.task(task.task_id) == task


def test_one_that_is_not_there_can_not_be_cancelled(desk: Desk) -> None:
    assert desk.cancel("nobody-knows") is Answer.NOT_FOUND


def test_asking_again_changes_nothing(desk: Desk) -> None:
    task_id = desk.push("trap '' TERM; echo $$; while :; do sleep 0.05; done")
    pid_in(desk, task_id)
    assert [desk.cancel(task_id) for _ in range(3)] == [Answer.REQUESTED, Answer.SAME, Answer.SAME]
    assert desk.ended(task_id).status is Status.CANCELLED
    assert desk.cancel(task_id) is Answer.SAME


def test_many_at_once_all_end(desk: Desk) -> None:
    ids = [desk.push("sleep 60") for _ in range(4)]
    for task_id in ids:
        desk.running(task_id)
    assert desk.store.cancel(ids, "person") == [Answer.REQUESTED] * 4
    assert {desk.ended(task_id).status for task_id in ids} == {Status.CANCELLED}


def test_a_flag_whose_hint_was_lost_is_seen(desk: Desk) -> None:
    task_id = desk.push("sleep 60")
    desk.running(task_id)
    desk.redis.hset(desk.keys.task(task_id), "cancelRequested", 1)
    assert desk.ended(task_id).status is Status.CANCELLED


def test_a_flag_is_seen_while_hints_for_others_keep_coming(desk: Desk) -> None:
    task_id = desk.push("sleep 60")
    desk.running(task_id)
    under_way, over = threading.Event(), threading.Event()

    def chatter() -> None:
        while not over.wait(0.005):
            with desk.redis.pipeline(transaction=False) as pipe:
                for _ in range(20):
                    pipe.publish(desk.keys.control("agent-1"), "somebody-else")
                pipe.execute()
            under_way.set()

    chattering = threading.Thread(target=chatter)
    chattering.start()
    under_way.wait()
    try:
        desk.redis.hset(desk.keys.task(task_id), "cancelRequested", 1)
        assert desk.ended(task_id).status is Status.CANCELLED
    finally:
        over.set()
        chattering.join()


@pytest.mark.parametrize("garbage", ["", "x" * 100_000, b"\xff\0\n", "a:history"], ids=["", "long", "bytes", "colon"])
def test_garbage_on_the_control_channel_harms_nothing(desk: Desk, garbage: str | bytes) -> None:
    desk.redis.publish(desk.keys.control("agent-1"), garbage)
    task_id = desk.push("sleep 60")
    desk.running(task_id)
    desk.cancel(task_id)
    assert desk.ended(task_id).status is Status.CANCELLED


def test_a_control_connection_that_broke_is_made_again(own_redis: OwnRedis, tmp_path: Path) -> None:
    server = own_redis()
    desk = Desk(server.client())
    agent = Living(settings_of(tmp_path), server.client)
    agent.start()
    try:
        first, second = desk.push("sleep 60"), desk.push("sleep 60")
        for task_id in (first, second):
            desk.running(task_id)
        until(lambda: listeners(desk))
        assert desk.redis.client_kill_filter(_type="pubsub")
        # Nobody listens now: this hint is heard by nobody.
        desk.cancel(first)
        assert desk.ended(first).status is Status.CANCELLED
        until(lambda: listeners(desk))
        asked = time.monotonic()
        desk.cancel(second)
        assert desk.ended(second).status is Status.CANCELLED
        assert time.monotonic() - asked < SOON
    finally:
        agent.stop()


def listeners(desk: Desk) -> int:
    (answer,) = desk.redis.pubsub_numsub(desk.keys.control("agent-1"))
    return int(answer[1])
