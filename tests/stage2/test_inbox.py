"""An agent runs what the gate grants, each attempt once, whatever messages say and however many are lost."""

from collections.abc import Iterable, Sequence

import pytest
from redis import Redis

from common.clock import SystemClock
from common.contracts import Message
from common.domain.errors import Unavailable
from common.domain.ids import Ids
from common.domain.messages import Dispatch
from common.domain.status import Status
from common.domain.task import Task
from common.store.keys import Keys
from common.store.leading import Assignment
from common.transports.redis_dispatch import RedisDispatches
from common.transports.redis_list import RedisListQueue
from stage2_zk.inbox import LOOK_EVERY, DispatchInbox
from tests.stage2.conftest import EPOCH, Yard


class Line:
    """An agent's queue, in this process."""

    def __init__(self) -> None:
        self.messages: list[Dispatch] = []

    def put(self, bodies: Iterable[Dispatch]) -> None:
        self.messages += bodies

    def take(self, limit: int, timeout: float) -> Sequence[Message[Dispatch]]:
        taken, self.messages = self.messages[:limit], self.messages[limit:]
        return [Message(str(number), body) for number, body in enumerate(taken)]

    def ack(self) -> None: ...
    def reject(self, message: Message[Dispatch], reason: str) -> None: ...
    def close(self) -> None: ...


class Post:
    """One agent at its inbox."""

    def __init__(self, yard: Yard) -> None:
        self.yard, self.line = yard, Line()
        self.held: set[tuple[str, int]] = set()
        yard.agent("agent-1")
        self.inbox = DispatchInbox(self.line, yard.store, "agent-1", "b", held=lambda: set(self.held), clock=yard.clock)
        self.take()

    def give(self, count: int = 1, *, tell: bool = True, boot: str = "b") -> list[str]:
        tasks = self.yard.submit(count)
        self.yard.store.assign([Assignment(task_id, "agent-1", "b") for task_id in tasks], "leader", EPOCH)
        if tell:
            self.line.put([Dispatch("agent-1", boot, [(task_id, 1) for task_id in tasks])])
        return tasks

    def take(self, limit: int = 10) -> list[str]:
        granted = self.inbox.take(limit, 0)
        self.held |= {(task.task_id, task.attempt) for task in granted}
        return [task.task_id for task in granted]

    def look(self) -> list[str]:
        self.yard.clock.ahead += LOOK_EVERY
        return self.take()

    def status(self, task_id: str) -> Task:
        return self.yard.task(task_id)


@pytest.fixture
def post(yard: Yard) -> Post:
    return Post(yard)


def test_what_is_told_is_granted_and_runs(post: Post) -> None:
    tasks = post.give(3)
    assert post.take() == tasks
    assert {post.status(task_id).status for task_id in tasks} == {Status.RUNNING}


def test_no_more_than_there_is_room_for_is_asked_for_and_the_rest_waits_here(post: Post) -> None:
    tasks = post.give(3)
    assert post.take(2) == tasks[:2]
    assert post.status(tasks[2]).status is Status.SCHEDULED
    assert post.take(2) == tasks[2:]


def test_what_is_told_twice_runs_once(post: Post) -> None:
    tasks = post.give(2)
    post.line.put(list(post.line.messages))
    assert post.take() == tasks
    post.line.put([Dispatch("agent-1", "b", [(task_id, 1) for task_id in tasks])])
    assert post.take() == []


def test_what_was_meant_for_an_earlier_boot_is_dropped(post: Post) -> None:
    (task_id,) = post.give(boot="another")
    assert post.take() == []
    assert post.status(task_id).status is Status.SCHEDULED


def test_a_forged_or_late_message_starts_nothing(post: Post) -> None:
    (task_id,) = post.yard.submit()
    post.line.put([Dispatch("agent-1", "b", [(task_id, 1), ("no-such-task", 1)])])
    (cancelled,) = post.give()
    post.yard.store.cancel([cancelled], "tester")
    assert post.take() == []
    assert post.status(task_id).status is Status.PENDING


def test_what_no_message_told_of_is_found_in_the_store(post: Post) -> None:
    (task_id,) = post.give(tell=False)
    assert post.take() == []
    assert post.look() == [task_id]


def test_where_no_answer_came_the_same_is_asked_again_and_granted_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task_id,) = post.give()
    start = post.yard.store.start

    def lost(*args: object) -> None:
        start(*args)  # type: ignore[arg-type]
        raise Unavailable("the answer is lost")

    with monkeypatch.context() as patch:
        patch.setattr(post.yard.store, "start", lost)
        with pytest.raises(Unavailable):
            post.take()
    assert post.status(task_id).status is Status.RUNNING
    assert post.take() == [task_id]


def test_what_runs_by_the_store_and_is_not_known_here_runs_again_as_another_attempt(post: Post) -> None:
    (task_id,) = post.give()
    post.take()
    post.held.clear()
    assert post.look() == []
    task = post.status(task_id)
    assert (task.status, task.attempt, task.lost) == (Status.PENDING, 1, 0)


def test_what_ran_and_was_forgotten_by_a_redis_that_lost_its_last_second_does_not_start_twice(post: Post) -> None:
    (task_id,) = post.give()
    post.take()
    post.held.clear()
    post.yard.redis.hset(f"task:{task_id}", "status", "DISPATCHED")
    post.look()
    assert post.status(task_id).status is Status.PENDING


def test_rubbish_in_an_agents_queue_is_laid_aside_and_holds_up_nothing(yard: Yard, redis: Redis, keys: Keys) -> None:
    yard.agent("agent-1")
    (task_id,) = yard.submit()
    yard.store.assign([Assignment(task_id, "agent-1", "b")], "leader", EPOCH)
    queue = RedisListQueue(
        redis, keys, keys.agent_queue("agent-1"), "agent-1",
        ids=Ids(SystemClock()), encode=Dispatch.encode, decode=Dispatch.decode,
    )  # fmt: skip
    for rubbish in ("", "{}", "\xff", '{"schema":9}', "[" * 5000, '{"schema":1,"agent":"a","boot":"b","tasks":[7]}'):
        redis.lpush(keys.agent_queue("agent-1"), rubbish)
    RedisDispatches(redis, keys).publish([Dispatch("agent-1", "b", [(task_id, 1)])])
    inbox = DispatchInbox(queue, yard.store, "agent-1", "b", held=set, clock=yard.clock)
    assert [task.task_id for task in inbox.take(10, 0)] == [task_id]
    assert redis.llen(keys.dead_letters(keys.agent_queue("agent-1"))) == 6
