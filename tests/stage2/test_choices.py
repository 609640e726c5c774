"""What a leader decides, and what it says of it."""

import json

from common.contracts import Candidate
from common.domain.status import Status
from stage2_zk.assigner import READ_EVERY
from stage2_zk.credits import Credits
from tests.stage2.conftest import Yard


def why(yard: Yard, task_id: str) -> dict[str, object]:
    entry = next(entry for entry in yard.store.history(task_id) if entry["verb"] == "assign")
    return dict(entry["why"])


def waits(yard: Yard, task_id: str) -> dict[str, object]:
    return dict(json.loads(yard.store.waiting(task_id)))


def test_a_task_keeps_why_it_went_where_it_went(yard: Yard) -> None:
    yard.agent("agent-1", slots=1)
    yard.agent("agent-2", slots=4)
    yard.look()
    first, second, third = yard.submit(3)
    yard.assigner.step()
    assert why(yard, first) == {
        "strategy": "this",
        "because": "load 0/1, the lowest",
        "candidates": {"agent-1": "0/1", "agent-2": "0/4"},
    }
    assert why(yard, third)["candidates"] == {"agent-2": "1/4", "agent-1": "1/1"}
    assert {yard.task(task_id).agent for task_id in (second, third)} == {"agent-2"}


def test_a_task_that_no_agent_fits_says_so_and_blocks_nobody(yard: Yard) -> None:
    yard.agent("agent-1", labels={"zone": "a"})
    yard.agent("agent-2")
    yard.look()
    (odd,) = yard.submit(labels={"zone": "b"})
    (strange,) = yard.submit(type="SQL")
    (usual,) = yard.submit()
    yard.assigner.step()
    assert yard.task(usual).status is Status.DISPATCHED
    assert waits(yard, odd) == {
        "because": "no agent can take it now: 2 have no zone=b",
        "candidates": {"agent-1": "has zone=a", "agent-2": "has no label zone"},
    }
    assert waits(yard, strange)["because"] == "no agent can take it now: 2 run no SQL"
    assert yard.store.ready() == [], "both have stepped aside"

    yard.agent("agent-3", types=["SHELL", "SQL"], labels={"zone": "b"})
    yard.look()
    yard.redis.zadd("queue:delayed", {odd: 0, strange: 0})
    yard.store.promote("leader")
    yard.assigner.step()
    assert {yard.task(task_id).agent for task_id in (odd, strange)} == {"agent-3"}


def test_where_all_are_full_the_next_ones_say_so_and_keep_their_places(yard: Yard) -> None:
    yard.agent("agent-1", slots=1)
    yard.look()
    first, second, third = yard.submit(3)
    yard.assigner.step()
    yard.clock.ahead += READ_EVERY
    yard.assigner.step()
    assert yard.task(first).status is Status.DISPATCHED
    assert waits(yard, second)["because"] == "no agent can take it now: 1 are full"
    assert [task.task_id for task in yard.store.ready()] == [second, third]


def test_without_any_agent_that_is_what_is_said(yard: Yard) -> None:
    (task_id,) = yard.submit()
    yard.assigner.step()
    assert waits(yard, task_id) == {"because": "no agent is there"}


def test_a_drained_agent_is_passed_over_and_the_reason_is_told(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.look()
    yard.store.drain("agent-1", "tester")
    (task_id,) = yard.submit()
    yard.assigner.step()
    assert waits(yard, task_id)["candidates"] == {"agent-1": "drained"}


def test_a_task_may_say_by_which_strategy_and_an_unknown_one_is_told(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.look()
    (task_id,) = yard.submit(strategy="cheapest")
    yard.assigner.step()
    assert why(yard, task_id)["strategy"] == "this"
    assert str(why(yard, task_id)["because"]).startswith("there is no strategy cheapest; ")


def test_a_decision_stays_small_however_many_agents_there_are(yard: Yard) -> None:
    for number in range(40):
        yard.agent(f"agent-{number:02}")
    yard.look()
    (task_id,) = yard.submit()
    (odd,) = yard.submit(labels={"no": "where"})
    yard.assigner.step()
    decision = why(yard, task_id)
    assert decision["others"] == 35
    assert len(json.dumps(decision)) < 400
    assert waits(yard, odd)["others"] == 35
    assert len(yard.store.waiting(odd)) < 400


def test_an_agent_that_ends_tasks_fast_may_have_more_and_one_that_ends_none_has_no_window() -> None:
    given, agent = Credits(), Candidate("agent-1", "b", 4)
    assert given.window(agent, 0, now=100.0) == 0
    for tick in range(1, 20):
        for _ in range(20):
            given.gave(agent)
        fast = given.window(agent, 0, now=100.0 + tick * 0.02)
    assert 40 <= fast <= 110, "20 in 20 ms are 1,000 a second, and a tenth of a second of them waits"
    slow = [given.window(agent, 4, now=101.0 + tick) for tick in range(10)]
    assert slow[0] < fast
    assert slow[-1] == 0


def test_a_leader_counts_what_is_held_in_the_store_not_what_it_remembers(yard: Yard) -> None:
    yard.agent("agent-1", slots=2)
    yard.look()
    tasks = yard.submit(4)
    yard.assigner.step()
    assert yard.store.held(["agent-1"]) == [2]
    yard.store.cancel(tasks[:1], "tester")
    yard.assigner.step()
    assert yard.task(tasks[2]).status is Status.DISPATCHED
