"""What keeps an agent from new tasks, and what is told of tasks that nobody may have."""

import json

from redis import Redis

from common.domain.status import Answer, Status
from common.store.leading import Assignment, Waiting
from common.store.tasks import TaskStore
from tests.store.invariants import assert_consistent
from tests.store.lives import AGENT, BOOT, EPOCH, Life


def give(life: Life, *task_ids: str, limit: int = 10) -> list[Answer]:
    assignments = [Assignment(task_id, AGENT, BOOT, limit) for task_id in task_ids]
    return [answer for answer, _ in life.store.assign(assignments, "leader", EPOCH)]


def test_an_agent_gets_no_more_than_it_may_hold_whatever_the_leader_believes(life: Life, store: TaskStore) -> None:
    tasks = [life.submit() for _ in range(4)]
    assert give(life, *tasks, limit=3) == [Answer.OK] * 3 + [Answer.FULL]
    assert store.held([AGENT]) == [3]
    assert [task.task_id for task in store.with_agent(AGENT)] == tasks[:3]
    store.cancel(tasks[:1], "tester")
    assert give(life, tasks[3], limit=3) == [Answer.OK]


def test_what_stands_in_the_queue_wrongly_leaves_it_when_it_is_given(
    life: Life, store: TaskStore, redis: Redis
) -> None:
    wrongly = [life.running(), life.cancelled()]
    redis.zadd("queue:pending", dict.fromkeys(wrongly, 0))
    assert give(life, *wrongly) == [Answer.STALE_STATE, Answer.TERMINAL]
    assert store.ready() == []


def test_a_drained_agent_gets_nothing_until_it_is_resumed(life: Life, store: TaskStore) -> None:
    task_id = life.submit()
    assert [store.drain(AGENT, "tester"), store.drain(AGENT, "tester")] == [Answer.OK, Answer.SAME]
    assert store.shut() == {AGENT: "drained"}
    assert give(life, task_id) == [Answer.SHUT]
    assert [store.resume(AGENT, "tester"), store.resume(AGENT, "tester")] == [Answer.OK, Answer.SAME]
    assert store.shut() == {}
    assert give(life, task_id) == [Answer.OK]


def test_quarantine_is_over_by_itself_and_a_person_may_end_it_sooner(
    life: Life, store: TaskStore, redis: Redis
) -> None:
    task_id = life.submit()
    store.quarantine(AGENT, 60, "leader")
    assert store.shut() == {AGENT: "quarantined"}
    assert give(life, task_id) == [Answer.SHUT]
    redis.zincrby("agents:quarantined", -61_000, AGENT)
    assert store.shut() == {}
    assert give(life, task_id) == [Answer.OK]
    store.quarantine(AGENT, 60, "leader")
    assert store.resume(AGENT, "tester") is Answer.OK
    assert store.shut() == {}


def test_a_task_that_nobody_may_have_steps_aside_and_comes_back(life: Life, store: TaskStore, redis: Redis) -> None:
    odd, usual = life.submit(), life.submit()
    why = json.dumps({"because": "no agent runs it"})
    assert store.defer([Waiting(odd, why, aside=60)], "leader", EPOCH) is Answer.OK
    assert [task.task_id for task in store.ready()] == [usual]
    assert store.waiting(odd) == why
    assert_consistent(redis, store.keys)
    redis.zincrby("queue:delayed", -61_000, odd)
    store.promote("leader")
    assert [task.task_id for task in store.ready()] == [usual, odd]
    assert give(life, odd) == [Answer.OK]
    assert store.waiting(odd) == "", "what it waited for is over"


def test_one_that_is_told_why_it_waits_keeps_its_place(life: Life, store: TaskStore) -> None:
    first, second = life.submit(), life.submit()
    store.defer([Waiting(first, "{}")], "leader", EPOCH)
    assert [task.task_id for task in store.ready()] == [first, second]
    assert store.waiting(first) == "{}"


def test_only_what_is_ready_is_deferred_and_only_by_the_leader(life: Life, store: TaskStore, redis: Redis) -> None:
    running, gone, ready = life.running(), "no-such-task", life.submit()
    assert store.defer([Waiting(one, "{}", 60) for one in (running, gone)], "leader", EPOCH) is Answer.OK
    assert store.waiting(running) == ""
    assert store.defer([Waiting(ready, "{}", 60)], "leader", EPOCH - 1) is Answer.FENCED
    assert store.waiting(ready) == ""
    assert life.task(ready).status is Status.PENDING
    assert_consistent(redis, store.keys)
