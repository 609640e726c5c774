"""How attempts end: results, retries with their waits, lost agents, cancels, and a new life by hand."""

import json
from typing import Any

import pytest
from redis import Redis

from common.domain.reports import Finished, LogChunk
from common.domain.result import Reason, Result, failure, success
from common.domain.status import Answer, Status
from common.lab.until import until
from common.store.granting import Attempt
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.store.writing import Limits
from tests.store.lives import AGENT, BOOT, EPOCH, Life, millis

FAILED = failure(Reason.EXIT_CODE, "exit code 3", exit_code=3)
STOPPED = failure(Reason.AGENT_STOPPED, "the agent was stopped")
NO_DISK = failure(Reason.AGENT_ERROR, "no space left on device")
CANCELLED = Result(Status.CANCELLED, Reason.CANCELLED, None, "cancelled")


def lose(life: Life, task_id: str) -> tuple[Answer, Status | None]:
    """Its agent's lease runs out; another boot takes its place."""
    life.leases.release(AGENT, BOOT)
    (answer,) = life.store.requeue([life.task(task_id)], Reason.AGENT_LOST, "leader", EPOCH)
    assert life.leases.take(AGENT, BOOT, 60, {})
    return answer


def again(life: Life, task_id: str) -> None:
    """It waits, is due, and runs again."""
    life.store._redis.zadd(life.store.keys.pending, {task_id: 0})
    life.store._redis.zrem(life.store.keys.delayed, task_id)
    life.claim(task_id)


def test_a_success_is_kept_as_it_was_reported(life: Life) -> None:
    task_id = life.reported(success("hello\n", 6, exit_code=0))
    task = life.task(task_id)
    assert task.result == success("hello\n", 6, exit_code=0)
    assert task.finished_at >= task.started_at > ""
    assert life.store.history(task_id)[-1]["exitCode"] == 0


def test_an_end_for_good_tells_why(life: Life) -> None:
    task_id = life.reported(FAILED)
    assert life.task(task_id).result == FAILED
    entry = life.store.history(task_id)[-1]
    assert (entry["to"], entry["reason"], entry["exitCode"], entry["error"]) == (
        "FAILED",
        "EXIT_CODE",
        3,
        "exit code 3",
    )


def test_retries_are_used_up_one_by_one(redis: Redis, life: Life) -> None:
    task_id = life.reported(FAILED, retries=2)
    for failures in (1, 2):
        task = life.task(task_id)
        assert (task.status, task.failures, task.attempt, task.finished_at) == (Status.PENDING, failures, failures, "")
        assert task.result == FAILED
        again(life, task_id)
        assert life.task(task_id).result is None
        assert life.report(task_id, FAILED) == (Answer.OK, Status.PENDING if failures < 2 else Status.FAILED)
    assert (life.task(task_id).failures, life.task(task_id).attempt) == (2, 3)
    assert redis.zcard("queue:delayed") == 0


def test_a_new_attempt_shows_nothing_of_the_last_one(life: Life) -> None:
    task_id = life.reported(failure(Reason.EXIT_CODE, "no", exit_code=1), retries=1, retry_delay=0)
    life.store.assign([Assignment(task_id, AGENT, BOOT)], "leader", EPOCH)
    assert life.store.start([Attempt(task_id, 2)], AGENT, BOOT)[0][0] is Answer.OK
    assert life.task(task_id).result is None


@pytest.mark.parametrize("result", [failure(Reason.UNKNOWN_TYPE, "no such type"), success(), CANCELLED])
def test_what_trying_again_would_not_change_is_final(result: Result, life: Life) -> None:
    task_id = life.reported(result, retries=5)
    assert life.task(task_id).status is result.status
    assert life.task(task_id).failures == 0


def test_handing_back_costs_nothing_and_waits_for_nothing(redis: Redis, life: Life) -> None:
    task_id = life.reported(STOPPED)
    task = life.task(task_id)
    assert (task.status, task.failures, task.lost) == (Status.PENDING, 0, 0)
    assert redis.zscore("queue:pending", task_id)


def test_an_agent_that_can_not_run_it_is_charged_as_a_lost_one(redis: Redis, life: Life) -> None:
    task_id = life.reported(NO_DISK, retries=0)
    for lost in (1, 2):
        task = life.task(task_id)
        assert (task.status, task.lost, task.failures) == (Status.PENDING, lost, 0)
        assert redis.zscore("queue:delayed", task_id)
        again(life, task_id)
        life.report(task_id, NO_DISK)
    assert life.task(task_id).status is Status.FAILED
    assert life.task(task_id).result == NO_DISK
    (note,) = redis.lrange("tasks:dead", 0, -1)
    assert json.loads(note) | {"taskId": task_id, "lost": 3} == json.loads(note)


@pytest.mark.parametrize(
    ("jitter", "failures", "wait"), [(1.0, 0, 10), (1.0, 1, 20), (1.0, 3, 80), (1.0, 4, 100), (0.5, 1, 10), (0.0, 2, 0)]
)
def test_a_retry_waits_longer_each_time_within_its_bound(
    jitter: float, failures: int, wait: int, redis: Redis, life: Life
) -> None:
    life.store = TaskStore(redis, limits=Limits(longest_backoff=100), jitter=lambda: jitter)
    task_id = life.running(retries=9, retry_delay=10)
    redis.hset(f"task:{task_id}", "failures", failures)
    life.report(task_id, FAILED)
    entry = life.store.history(task_id)[-1]
    if not wait:
        assert "retryAt" not in entry
        assert redis.zscore("queue:pending", task_id)
        return
    due = redis.zscore("queue:delayed", task_id)
    assert due == millis(entry["at"]) + wait * 1000 == millis(entry["retryAt"])


@pytest.mark.parametrize(
    ("asked", "failures", "wait"),
    [
        ({"max_retry_delay": 30}, 1, 10),
        ({"max_retry_delay": 30}, 3, 15),
        ({"max_retry_delay": 1000}, 5, 160),
        ({"max_retry_delay": 0}, 5, 0),
        ({"backoff": "fixed"}, 0, 10),
        ({"backoff": "fixed"}, 5, 10),
        ({"backoff": "fixed", "retry_delay": 200}, 0, 200),
        ({"backoff": "fixed", "max_retry_delay": 4}, 5, 4),
    ],
)
def test_a_task_may_say_how_its_retries_wait(
    asked: dict[str, Any], failures: int, wait: int, redis: Redis, life: Life
) -> None:
    """Here the store bounds what does not say so to 100 s, and always takes half of what is random."""
    life.store = TaskStore(redis, limits=Limits(longest_backoff=100), jitter=lambda: 0.5)
    task_id = life.running(**{"retries": 9, "retry_delay": 10} | asked)
    redis.hset(f"task:{task_id}", "failures", failures)
    assert life.report(task_id, FAILED) == (Answer.OK, Status.PENDING)
    entry = life.store.history(task_id)[-1]
    assert millis(entry.get("retryAt", entry["at"])) == millis(entry["at"]) + wait * 1000


@pytest.mark.parametrize(("longest", "wait"), [(300, 2), (1, 1)])
def test_what_an_agent_can_not_run_waits_longer_each_time_within_its_bound(
    longest: float, wait: int, redis: Redis, life: Life
) -> None:
    life.store = TaskStore(redis, limits=Limits(longest_backoff=longest), jitter=lambda: 1.0)
    task_id = life.running()
    life.report(task_id, NO_DISK)
    entry = life.store.history(task_id)[-1]
    assert millis(entry["retryAt"]) == millis(entry["at"]) + wait * 1000


def test_a_task_is_given_up_when_its_agents_keep_dying(redis: Redis, life: Life) -> None:
    task_id = life.running()
    for lost in (1, 2):
        assert lose(life, task_id) == (Answer.OK, Status.PENDING)
        assert life.task(task_id).lost == lost
        life.claim(task_id)
    assert lose(life, task_id) == (Answer.OK, Status.FAILED)
    result = life.task(task_id).result
    assert result
    assert (result.reason, result.error) == (Reason.AGENT_LOST, "its agent was lost 3 time(s); see its history")
    (note,) = redis.lrange("tasks:dead", 0, -1)
    assert json.loads(note) | {"taskId": task_id, "lost": 3} == json.loads(note)


def test_only_so_many_notes_on_given_up_tasks_are_kept(redis: Redis, life: Life) -> None:
    task_id = life.running(on_agent_lost="fail")
    redis.rpush("tasks:dead", *["{}"] * 10_000)
    lose(life, task_id)
    assert redis.llen("tasks:dead") == 10_000
    assert task_id in str(redis.lindex("tasks:dead", 0))


def test_a_task_may_ask_to_fail_when_its_agent_is_lost(life: Life) -> None:
    task_id = life.running(on_agent_lost="fail", retries=3)
    assert lose(life, task_id) == (Answer.OK, Status.FAILED)


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DISPATCHED])
def test_an_agent_lost_before_it_started_the_task_costs_it_nothing(status: Status, life: Life) -> None:
    task_id = life.reach(status, on_agent_lost="fail")
    assert lose(life, task_id) == (Answer.OK, Status.PENDING)
    assert life.task(task_id).lost == 0


def test_a_task_that_is_stuck_is_taken_back_at_no_cost(life: Life) -> None:
    task_id = life.running()
    assert life.store.requeue([life.task(task_id)], "STUCK", "leader", EPOCH) == [(Answer.OK, Status.PENDING)]
    assert life.task(task_id).lost == 0


@pytest.mark.parametrize(
    ("result", "after"),
    [
        (success(), Status.SUCCESS),
        (CANCELLED, Status.CANCELLED),
        (FAILED, Status.CANCELLED),
        (STOPPED, Status.CANCELLED),
        (NO_DISK, Status.CANCELLED),
        (failure(Reason.UNKNOWN_TYPE, "no such type"), Status.FAILED),
    ],
)
def test_a_cancel_asked_for_beats_another_attempt_but_not_an_end(result: Result, after: Status, life: Life) -> None:
    task_id = life.running(retries=1)
    life.store.cancel([task_id], "tester")
    assert life.task(task_id).cancel_requested
    assert life.report(task_id, result) == (Answer.OK, after)
    ended = life.task(task_id).result
    assert ended
    assert ended.reason == (Reason.CANCELLED if after is Status.CANCELLED else result.reason)


def test_a_failure_without_retries_left_is_a_failure_even_if_a_cancel_was_asked_for(life: Life) -> None:
    task_id = life.running()
    life.store.cancel([task_id], "tester")
    assert life.report(task_id, FAILED) == (Answer.OK, Status.FAILED)


@pytest.mark.parametrize("lost", [0, 2])
def test_a_cancel_asked_for_beats_being_taken_back(lost: int, redis: Redis, life: Life) -> None:
    task_id = life.running()
    redis.hset(f"task:{task_id}", "lost", lost)
    life.store.cancel([task_id], "tester")
    assert lose(life, task_id) == (Answer.OK, Status.CANCELLED)
    assert redis.llen("tasks:dead") == 0


def test_a_cancel_asked_for_beats_the_agents_own_trouble_for_the_last_time(redis: Redis, life: Life) -> None:
    task_id = life.running()
    redis.hset(f"task:{task_id}", "lost", 2)
    life.store.cancel([task_id], "tester")
    assert life.report(task_id, NO_DISK) == (Answer.OK, Status.CANCELLED)


def test_the_agent_is_told_each_time_a_cancel_is_asked_for(redis: Redis, life: Life) -> None:
    task_id = life.running()
    listening = redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    listening.subscribe(f"control:{AGENT}")
    listening.get_message(timeout=1)
    for _ in range(2):
        life.store.cancel([task_id], "tester")
        told = listening.get_message(timeout=1)
        assert told
        assert told["data"] == task_id
    listening.close()


def test_a_cancelled_task_shows_nothing_of_an_older_attempt(life: Life) -> None:
    task_id = life.reported(FAILED, retries=3)
    life.store.cancel([task_id], "tester")
    assert life.task(task_id).result == Result(Status.CANCELLED, Reason.CANCELLED)


def test_a_retry_by_hand_is_a_new_life_with_the_old_one_in_the_history(life: Life) -> None:
    task_id = life.reported(Result(Status.FAILED, Reason.EXIT_CODE, 3, 'it said "no"', "tail\n", 5), retries=0)
    assert life.store.retry([task_id], "somebody") == [Answer.OK]
    task = life.task(task_id)
    assert (task.status, task.attempt, task.failures, task.lost, task.result) == (Status.PENDING, 1, 0, 0, None)
    assert (task.started_at, task.finished_at, task.cancel_requested) == ("", "", False)
    entry = life.store.history(task_id)[-1]
    assert entry["was"] == {"reason": "EXIT_CODE", "exitCode": "3", "error": 'it said "no"', "result": "tail\n"}
    assert life.claim(task_id).attempt == 2


def test_a_retry_gives_fresh_budgets(redis: Redis, life: Life) -> None:
    task_id = life.running(retries=1)
    redis.hset(f"task:{task_id}", mapping={"failures": 1, "lost": 2})
    life.report(task_id, FAILED)
    life.store.retry([task_id], "somebody")
    life.claim(task_id)
    assert life.report(task_id, FAILED) == (Answer.OK, Status.PENDING)


def test_a_late_report_of_an_earlier_attempt_changes_nothing(life: Life) -> None:
    task_id = life.running(retries=1)
    earlier = life.task(task_id)
    life.report(task_id, FAILED)
    again(life, task_id)
    late = Finished(earlier, success(), LogChunk(earlier, 0, ""))
    assert life.store.report([late], AGENT) == [(Answer.STALE_ATTEMPT, Status.RUNNING)]


def test_a_lease_that_ran_out_by_itself_is_gone(redis: Redis, life: Life) -> None:
    task_id = life.running()
    Leases(redis, life.store.keys).renew(AGENT, BOOT, 0.001)
    until(lambda: not life.store.leases([AGENT])[AGENT], what="the lease to run out")
    assert life.store.requeue([life.task(task_id)], Reason.AGENT_LOST, "leader", EPOCH) == [(Answer.OK, Status.PENDING)]
    assert life.store.history(task_id)[-1]["epoch"] == EPOCH, "it is kept in which term it was taken back"


def test_what_the_next_boot_tells_of_how_this_one_ended_stands_in_the_history_of_what_it_ran(life: Life) -> None:
    told = {"before": BOOT, "proof": '{"by":"fence","signals":[["KILL",2]],"seconds":0.01}'}
    tasks = [life.running(), life.running()]
    life.leases.release(AGENT, BOOT)
    assert life.leases.take(AGENT, "next", 60, {"before": "an earlier one", "proof": "{}"})
    life.store.requeue([life.task(tasks[0])], Reason.AGENT_LOST, "leader", EPOCH)
    life.leases.release(AGENT, "next")
    assert life.leases.take(AGENT, "next", 60, told)
    life.store.requeue([life.task(tasks[1])], Reason.AGENT_LOST, "leader", EPOCH)
    one, other = (life.store.history(task_id)[-1] for task_id in tasks)
    assert "proof" not in one, "of that boot the next one told nothing"
    assert other["proof"] == {"by": "fence", "signals": [["KILL", 2]], "seconds": 0.01}
