"""Ready tasks go to live agents: marked first, then told, then marked as told."""

import pytest
from redis import Redis

from common.domain.errors import Unavailable
from common.domain.messages import Dispatch
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import success
from common.domain.status import Status
from common.store.granting import Attempt
from common.store.leading import Assignment
from common.strategies.least_load import LeastLoad
from common.transports.redis_dispatch import RedisDispatches
from tests.stage2.conftest import EPOCH, Yard


def test_ready_tasks_are_given_to_the_live_agents(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.agent("agent-2")
    yard.look()
    tasks = yard.submit(4)

    yard.assigner.step()

    assert {yard.task(task_id).status for task_id in tasks} == {Status.DISPATCHED}
    assert len(yard.told.messages) == 2, "one message for each agent"
    assert sorted(yard.told.of("agent-1") + yard.told.of("agent-2")) == sorted((task_id, 1) for task_id in tasks)
    assert len(yard.told.of("agent-1")) == 2


def test_without_an_agent_tasks_wait_in_their_order(yard: Yard) -> None:
    tasks = yard.submit(3)
    yard.assigner.step()
    assert [task.task_id for task in yard.store.ready()] == tasks
    assert {yard.task(task_id).status for task_id in tasks} == {Status.PENDING}


def test_what_ended_while_the_leader_listened_for_the_bell_counts_no_more(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.agent("agent-2")
    yard.look()
    busy, (other,) = yard.submit(3), yard.submit()
    yard.store.assign(
        [*(Assignment(one, "agent-1", "b") for one in busy), Assignment(other, "agent-2", "b")], "l", EPOCH
    )
    yard.store.start([Attempt(one, 1) for one in busy], "agent-1", "b")
    later: list[str] = []

    def rings(_: float) -> bool:
        held = [Held(one, 1, "agent-1", "b") for one in busy]
        yard.store.report([Finished(one, success(), LogChunk(one, 0, ""), 0.1) for one in held], "agent-1")
        later.extend(yard.submit())
        return True

    assigner = yard.assigner_with(LeastLoad(), rings)
    while not later or yard.task(*later).status is Status.PENDING:
        assigner.step()

    assert yard.task(*later).agent == "agent-1", "it had most to do, and has nothing to do now"


def test_what_could_not_be_published_is_published_before_anything_else_is_assigned(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.look()
    first, second = yard.submit(), yard.submit()
    yard.told.trouble = Unavailable("away")
    with pytest.raises(Unavailable):
        yard.assigner.step()
    later = yard.submit()
    with pytest.raises(Unavailable):
        yard.assigner.step()
    assert [yard.task(*ids).status for ids in (first, second, later)] == ["SCHEDULED", "SCHEDULED", "PENDING"]

    yard.told.trouble = None
    yard.assigner.step()

    assert [yard.task(*ids).status for ids in (first, second, later)] == ["DISPATCHED"] * 3
    assert len(yard.told.messages) == 2


def test_a_leader_of_an_older_term_assigns_nothing_and_knows_it(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.look()
    (decoy,) = yard.submit()
    assert yard.store.assign([Assignment(decoy, "agent-1", "b")], "scheduler-2", EPOCH + 1)
    (task_id,) = yard.submit()

    yard.assigner.step()

    assert yard.tenure.over.is_set()
    assert yard.task(task_id).status is Status.PENDING
    assert yard.told.messages == []


def test_what_is_no_task_any_more_does_not_block_the_queue(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.look()
    gone, spoilt, cancelled, task_id = yard.submit(4)
    yard.redis.delete(yard.keys.task(gone))
    yard.redis.hset(yard.keys.task(spoilt), "timeout", "soon")
    yard.store.cancel([cancelled], "tester")
    yard.redis.zadd(yard.keys.pending, {cancelled: 1})

    yard.assigner.step()

    assert yard.told.of("agent-1") == [(spoilt, 1), (task_id, 1)], "the agent finds out what is wrong with it"
    assert yard.store.ready() == []


def test_the_message_stands_in_the_agent_s_own_queue(yard: Yard, redis: Redis) -> None:
    message = Dispatch("agent-1", "b", [("t", 1)])
    RedisDispatches(redis, yard.keys).publish([message, Dispatch("agent-2", "c", [("u", 2), ("v", 1)])])
    assert [Dispatch.decode(str(text).encode()) for text in redis.lrange("queue:agent:agent-1", 0, -1)] == [message]
    assert redis.llen("queue:agent:agent-2") == 1
