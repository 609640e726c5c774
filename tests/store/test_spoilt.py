"""What somebody else wrote over a task is told, and holds up no other task."""

import logging
from collections.abc import Callable

import pytest
from redis import Redis

from common.domain.errors import CorruptTask
from common.domain.reports import Finished, LogChunk
from common.domain.result import Reason, success
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.store.granting import Attempt
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.tasks import TaskStore
from tests.store.lives import AGENT, BOOT, EPOCH, Life

Spoil = Callable[[Redis], object]


def text(redis: Redis) -> None:
    redis.set("task:t", "somebody's")


def field(name: str, value: str | None) -> Spoil:
    def spoil(redis: Redis) -> object:
        return redis.hdel("task:t", name) if value is None else redis.hset("task:t", name, value)

    return spoil


UNREADABLE: dict[str, Spoil] = {
    "another type": text,
    "no status": field("status", None),
    "an unknown status": field("status", "WAITING"),
    "no attempt": field("attempt", None),
    "an attempt that is no number": field("attempt", "first"),
    "no name": field("name", None),
    "a timeout that is no number": field("timeout", "long"),
    "args that are no JSON": field("args", "[1,"),
    "args nested without end": field("args", "[" * 100_000),
    "a list that is none": lambda redis: redis.hset("task:t", mapping={"argv": "1", "content": "{"}),
    "an unknown reason": field("reason", "BAD_LUCK"),
}


# The store is left spoilt, which the fixture `life` would complain of.
@pytest.fixture
def life(redis: Redis, store: TaskStore) -> Life:
    return Life(store, Leases(redis, store.keys))


@pytest.mark.parametrize("how", UNREADABLE)
def test_a_task_that_can_not_be_read_back_is_told(how: str, redis: Redis, life: Life) -> None:
    life.submit(task_id="t")
    UNREADABLE[how](redis)
    with pytest.raises(CorruptTask):
        life.store.get("t")
    with pytest.raises(CorruptTask):
        life.store.get_many(["t", "t"])


@pytest.mark.parametrize("how", UNREADABLE)
def test_lists_show_the_others(how: str, redis: Redis, life: Life, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a", "t", "b"):
        life.submit(task_id=name)
    UNREADABLE[how](redis)
    with caplog.at_level(logging.WARNING):
        assert [task.task_id for task in life.store.page().tasks] == ["b", "a"]
    assert "left out" in caplog.text
    assert [task.task_id for task in life.store.page(Status.PENDING, limit=2).tasks] == ["b"]
    assert [task.task_id for task in life.store.in_status(Status.PENDING, 10)] == ["a", "b"]


@pytest.mark.parametrize("how", UNREADABLE)
def test_an_agent_takes_the_others(how: str, redis: Redis, life: Life) -> None:
    for name in ("a", "t", "b"):
        life.submit(task_id=name)
    UNREADABLE[how](redis)
    assert [task.task_id for task in life.store.claim(AGENT, BOOT, 10) or []] == ["a", "b"]
    assert life.store.claim(AGENT, BOOT, 10) == []
    assert life.store.counts()[Status.RUNNING] == 2


FIELDS = {
    "no name": "name is missing",
    "a timeout that is no number": "timeout is 'long'",
    "args that are no JSON": "args is '[1,'",
    "args nested without end": "args is '[[[",
    "a list that is none": "content is '{'",
    "an unknown reason": "reason is 'BAD_LUCK'",
}


@pytest.mark.parametrize("how", FIELDS)
def test_one_that_is_claimed_and_can_not_be_read_is_failed_with_the_field_that_is_wrong(
    how: str, redis: Redis, life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    life.submit(task_id="t", retries=5)
    UNREADABLE[how](redis)
    assert life.store.claim(AGENT, BOOT, 10) == []
    status, reason, error = redis.hmget("task:t", "status", "reason", "error")
    assert (status, reason) == ("FAILED", "UNREADABLE")
    assert FIELDS[how] in str(error)
    assert FIELDS[how] in caplog.text
    assert life.store.counts()[Status.FAILED] == 1
    assert [entry["verb"] for entry in life.store.history("t")] == ["submit", "assign", "start", "report"]


@pytest.mark.parametrize("how", FIELDS)
def test_one_that_can_not_be_read_at_the_gate_is_failed_and_the_others_start(
    how: str, redis: Redis, life: Life
) -> None:
    for name in ("a", "t", "b"):
        life.dispatched(task_id=name, retries=5)
    UNREADABLE[how](redis)
    for others in (Answer.OK, Answer.SAME):
        answers = life.store.start([Attempt(name, 1) for name in ("a", "t", "b")], AGENT, BOOT)
        assert [answer for answer, _ in answers] == [others, Answer.TERMINAL, others]
        assert [task and task.task_id for _, task in answers] == ["a", None, "b"]
    status, reason, error = redis.hmget("task:t", "status", "reason", "error")
    assert (status, reason) == ("FAILED", "UNREADABLE")
    assert FIELDS[how] in str(error)
    assert [entry["verb"] for entry in life.store.history("t")] == ["submit", "assign", "dispatched", "start", "report"]
    assert life.store.held([AGENT]) == [2]


@pytest.mark.parametrize(
    ("name", "value"),
    [("attempt", "1.5"), ("attempt", "-1"), ("attempt", "1e3"), ("attempt", "0x1"), ("taskId", "b")],
)
def test_one_whose_attempt_is_no_count_or_that_is_another_task_is_never_granted(
    name: str, value: str, redis: Redis, life: Life
) -> None:
    life.submit(task_id="t")
    redis.hset("task:t", name, value)
    assert life.store.assign([Assignment("t", AGENT, BOOT)], "leader", EPOCH) == [(Answer.NOT_FOUND, 0)]
    redis.zadd("queue:pending", {"t": 0})
    assert life.store.claim(AGENT, BOOT, 10) == []
    assert redis.hget("task:t", "status") == "PENDING"


def test_a_fields_unknown_name_is_passed_over(redis: Redis, life: Life) -> None:
    life.submit(task_id="t")
    redis.hset("task:t", "colour", "blue")
    assert life.task("t").status is Status.PENDING


def test_every_verb_finds_no_task_where_there_is_another_type(redis: Redis, life: Life) -> None:
    task = life.task(life.running(task_id="t"))
    other = life.task(life.running(task_id="other"))
    text(redis)
    store, log = life.store, LogChunk(task, 0, "x")
    assert store.submit([Submission.of(task_id="t", content="true")], "x", life.ids)[0].answer is Answer.CONFLICT
    assert store.assign([Assignment("t", AGENT, BOOT)], "leader", EPOCH)[0][0] is Answer.NOT_FOUND
    assert store.dispatched([Attempt("t", 1)], "leader", EPOCH) == [Answer.NOT_FOUND]
    assert store.start([Attempt("t", 1)], AGENT, BOOT) == [(Answer.NOT_FOUND, None)]
    assert store.log([log, LogChunk(other, 0, "x")], AGENT) == [Answer.NOT_FOUND, Answer.OK]
    assert store.requeue([task], "STUCK", "leader", EPOCH) == [(Answer.NOT_FOUND, None)]
    assert store.cancel(["t"], "x") == [Answer.NOT_FOUND]
    assert store.retry(["t"], "x") == [Answer.NOT_FOUND]
    ends = [Finished(of, success(), LogChunk(of, 0, "")) for of in (task, other)]
    assert store.report(ends, AGENT) == [(Answer.NOT_FOUND, None), (Answer.OK, Status.SUCCESS)]
    assert redis.get("task:t") == "somebody's"


def test_an_end_whose_history_is_spoilt_holds_up_the_other_ends_once_and_no_longer(redis: Redis, life: Life) -> None:
    spoilt, good = life.running(), life.running()
    redis.delete(life.store.keys.history(spoilt))
    redis.set(life.store.keys.history(spoilt), "not a list")
    tasks = life.store.get_many([spoilt, good])
    ends = [Finished(task, success(), LogChunk(task, 0, ""), 0.1) for task in tasks if task]
    with pytest.raises(CorruptTask):
        life.store.report(ends, AGENT)
    # As an agent does, which knows of no other way.
    assert life.store.report(ends, AGENT) == [(Answer.SAME, Status.SUCCESS), (Answer.OK, Status.SUCCESS)]


def test_a_hash_of_somebody_else_is_not_taken_over(redis: Redis, life: Life) -> None:
    redis.hset("task:t", "colour", "blue")
    (submitted,) = life.store.submit([Submission.of(task_id="t", content="true")], "x", life.ids)
    assert submitted.answer is Answer.CONFLICT
    assert redis.hgetall("task:t") == {"colour": "blue"}


def test_budgets_that_are_no_numbers_count_as_none(redis: Redis, life: Life) -> None:
    task_id = life.running(task_id="t", retries=3)
    task = life.task(task_id)
    redis.hset("task:t", mapping={"failures": "some", "lost": "some", "retries": "some", "retryDelay": "some"})
    end = Finished(task, success(), LogChunk(task, 0, ""))
    assert life.store.report([end], AGENT) == [(Answer.OK, Status.SUCCESS)]
    assert redis.hmget("task:t", "failures", "lost") == ["0", "0"]


def test_what_an_agent_runs_is_not_taken_for_lost_where_somebody_spoilt_its_lease(redis: Redis, life: Life) -> None:
    task = life.task(life.running())
    redis.set(life.store.keys.agent(AGENT), "somebody's")
    with pytest.raises(CorruptTask):
        life.store.requeue([task], Reason.AGENT_LOST, "leader", EPOCH)
    assert life.task(task.task_id).status is Status.RUNNING
