"""What a leader finds by looking at the store: what was lost, what is stuck, who keeps dying."""

import pytest

from common.domain.errors import Unavailable
from common.domain.status import Status
from common.store.granting import Attempt
from common.store.leading import Assignment
from stage2_zk.scans.crashing import BOOTS, REST, WITHIN, Crashing
from stage2_zk.scans.lost import Lost
from stage2_zk.scans.overdue import Overdue
from stage2_zk.scans.stuck import Stuck
from stage2_zk.tenure import Tenure
from tests.stage2.conftest import EPOCH, Yard
from tests.store.invariants import assert_consistent


@pytest.fixture
def lost(yard: Yard) -> Lost:
    return Lost(yard.store, yard.registry, yard.tenure, agents=yard.live.agents)


def given(yard: Yard, count: int = 1, *, started: bool = False, **spec: object) -> list[str]:
    """Tasks that the one agent has."""
    tasks = yard.submit(count, **spec)
    yard.assigner.step()
    assert {yard.task(task_id).status for task_id in tasks} == {Status.DISPATCHED}
    if started:
        yard.store.start([Attempt(task_id, 1) for task_id in tasks], "agent-1", "b")
    return tasks


def states(yard: Yard, tasks: list[str]) -> set[tuple[str, int]]:
    return {(str(task.status), task.lost) for task in map(yard.task, tasks)}


def gone(yard: Yard, agent: str = "agent-1", boot: str = "b") -> None:
    yard.leases.release(agent, boot)
    yard.registry.put(agent, None)


@pytest.mark.parametrize(("started", "charged"), [(True, 1), (False, 0)], ids=["running", "not started"])
def test_what_an_agent_held_that_is_gone_waits_for_another(yard: Yard, lost: Lost, started: bool, charged: int) -> None:
    yard.agent("agent-1")
    yard.look()
    tasks = given(yard, 3, started=started)
    gone(yard)
    yard.look()
    lost.step()
    assert states(yard, tasks) == {("PENDING", charged)}
    assert_consistent(yard.redis, yard.keys)


@pytest.mark.parametrize("left", ["its lease", "its presence"])
def test_one_of_both_keys_proves_that_an_agent_lives(yard: Yard, lost: Lost, left: str) -> None:
    yard.agent("agent-1")
    yard.look()
    tasks = given(yard, started=True)
    if left == "its lease":
        yard.registry.put("agent-1", None)
    else:
        yard.leases.release("agent-1", "b")
    assert yard.look() == []
    lost.step()
    assert states(yard, tasks) == {("RUNNING", 0)}


def test_what_an_earlier_boot_held_is_lost_though_the_agent_lives(yard: Yard, lost: Lost) -> None:
    yard.agent("agent-1")
    yard.look()
    tasks = given(yard, started=True)
    gone(yard)
    yard.agent("agent-1", boot="b2")
    yard.look()
    lost.step()
    assert states(yard, tasks) == {("PENDING", 1)}
    yard.assigner.step()
    assert [yard.task(task_id).boot for task_id in tasks] == ["b2"]
    lost.step()
    assert states(yard, tasks) == {("DISPATCHED", 1)}, "what the new boot has is its own"


def test_a_task_with_which_agents_keep_getting_lost_is_given_up(yard: Yard, lost: Lost) -> None:
    (task_id,) = yard.submit()
    for number in range(1, 4):
        yard.agent("agent-1", boot=f"b{number}")
        yard.look()
        yard.assigner.step()
        yard.store.start([Attempt(task_id, number)], "agent-1", f"b{number}")
        gone(yard, boot=f"b{number}")
        yard.look()
        lost.step()
    task = yard.task(task_id)
    assert task.result
    assert (task.status, task.result.reason, task.lost) == (Status.FAILED, "AGENT_LOST", 3)
    assert yard.redis.llen("tasks:dead") == 1


def test_a_leader_of_an_older_term_takes_nothing_back_and_knows_it(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.look()
    tasks = given(yard, started=True)
    gone(yard)
    yard.look()
    stale = Tenure("scheduler-0", EPOCH - 1)
    Lost(yard.store, yard.registry, stale, agents=yard.live.agents).step()
    assert states(yard, tasks) == {("RUNNING", 0)}
    assert stale.over.is_set()


def test_what_was_given_and_not_told_is_told_by_the_next_leader(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.look()
    (task_id,) = yard.submit()
    yard.told.trouble = Unavailable("away")
    with pytest.raises(Unavailable):
        yard.assigner.step()
    yard.told.trouble = None
    stuck = Stuck(yard.store, yard.told, yard.tenure)
    stuck.step()
    assert yard.told.of("agent-1") == [], "it may be on its way"
    yard.redis.zincrby("tasks:SCHEDULED", -3_000, task_id)
    stuck.step()
    assert yard.told.of("agent-1") == [(task_id, 1)]
    assert yard.task(task_id).status is Status.DISPATCHED


def test_what_an_agent_does_not_start_is_told_once_more_then_given_to_another(yard: Yard) -> None:
    yard.agent("agent-1")
    yard.look()
    (task_id,) = given(yard)
    stuck = Stuck(yard.store, yard.told, yard.tenure)
    yard.redis.zincrby("tasks:DISPATCHED", -3_000, task_id)
    stuck.step()
    stuck.step()
    assert yard.told.of("agent-1") == [(task_id, 1)] * 2, "told once more, not again and again"
    yard.redis.zincrby("tasks:DISPATCHED", -8_000, task_id)
    stuck.step()
    assert states(yard, [task_id]) == {("PENDING", 0)}
    assert yard.store.shut() == {"agent-1": "quarantined"}, "it has room, and starts nothing"
    assert_consistent(yard.redis, yard.keys)


def test_an_agent_that_is_busy_with_long_tasks_is_not_taken_for_deaf(yard: Yard) -> None:
    yard.agent("agent-1", slots=2)
    yard.look()
    given(yard, 2, started=True)
    (waiting,) = yard.submit()
    yard.store.assign([Assignment(waiting, "agent-1", "b")], yard.tenure.by, EPOCH)
    yard.store.dispatched([Attempt(waiting, 1)], yard.tenure.by, EPOCH)
    yard.redis.zincrby("tasks:DISPATCHED", -11_000, waiting)
    Stuck(yard.store, yard.told, yard.tenure).step()
    assert states(yard, [waiting]) == {("PENDING", 0)}
    assert yard.store.shut() == {}


def test_a_boot_whose_task_runs_long_past_its_limit_may_hold_its_lease_no_more(yard: Yard, lost: Lost) -> None:
    yard.agent("agent-1")
    yard.look()
    (late,) = given(yard, started=True, timeout=5)
    given(yard, started=True, timeout=500)
    overdue = Overdue(yard.store, yard.tenure, grace=1, margin=4)
    overdue.step()
    assert yard.leases.renew("agent-1", "b", 60)
    yard.redis.hset(f"task:{late}", "startedAt", "2026-01-01T00:00:00.000Z")
    Overdue(yard.store, Tenure("scheduler-0", EPOCH - 1), grace=1, margin=4).step()
    assert yard.leases.renew("agent-1", "b", 60), "a stale leader ends nobody"
    overdue.step()
    assert not yard.leases.renew("agent-1", "b", 60)
    assert not yard.leases.take("agent-1", "b", 60, {})
    assert yard.leases.take("agent-1", "b2", 60, {}), "its next boot starts afresh"
    yard.registry.put("agent-1", {"boot": "b2", "slots": 4})
    yard.look()
    lost.step()
    assert yard.task(late).status is Status.PENDING


def test_an_agent_in_a_crash_loop_rests_and_one_that_restarts_now_and_then_does_not(yard: Yard) -> None:
    crashing = Crashing(yard.store, yard.tenure, agents=yard.live.agents, clock=yard.clock)

    def boots(name: str, count: int, pause: float) -> None:
        for number in range(count + 1):
            yard.agent(name, boot=f"b{number}")
            yard.look()
            crashing.step()
            yard.leases.release(name, f"b{number}")
            yard.clock.ahead += pause

    boots("agent-1", BOOTS - 1, 1)
    boots("agent-2", 2 * BOOTS, WITHIN / 2)
    assert yard.store.shut() == {}
    boots("agent-3", BOOTS, 1)
    assert yard.store.shut() == {"agent-3": "quarantined"}
    yard.redis.zincrby("agents:quarantined", -1000 * REST, "agent-3")
    assert yard.store.shut() == {}
