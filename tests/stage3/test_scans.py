"""What a leader makes of heartbeats: what is lost is found, what is only on its way is left alone."""

from typing import Any

import pytest

from common.domain.messages import Cancel, Drain
from common.domain.status import Answer, Status
from common.strategies.least_load import LeastLoad
from stage2_zk.choices import Choices
from stage2_zk.scans.stuck import TAKE_BACK, Stuck
from stage3_kafka.pulse import FRESH
from stage3_kafka.scans.commands import AGAIN, Commands
from stage3_kafka.scans.inventory import SETTLE, Inventory
from stage3_kafka.scans.relief import PATIENCE as WAITS_FOR
from stage3_kafka.scans.relief import Relief
from stage3_kafka.scans.silent import PATIENCE, Silent
from tests.stage3.conftest import Field
from tests.store.invariants import assert_consistent


@pytest.fixture
def inventory(field: Field) -> Inventory:
    return Inventory(field.store, field.told, field.tenure, field.pulse, field.clock)


def over_time(field: Field, inventory: Inventory, **said: Any) -> None:
    """For long enough the agent says this."""
    for _ in range(4):
        field.beat(**said)
        inventory.step()
        field.clock.ahead += SETTLE / 2


def test_what_runs_by_the_store_and_is_not_held_goes_to_another(field: Field, inventory: Inventory) -> None:
    tasks = field.given(2, running=True)
    over_time(field, inventory, held=frozenset({(tasks[0], 1)}))
    assert [field.task(task_id).status for task_id in tasks] == [Status.RUNNING, Status.PENDING]
    assert_consistent(field.redis, field.keys)


def test_what_was_told_and_is_not_applied_yet_is_not_lost(field: Field, inventory: Inventory) -> None:
    tasks = field.given(running=True)
    field.store.applied({"agent-1": ("b", 6)}, {})
    over_time(field, inventory, told=7)
    assert field.statuses(tasks) == {Status.RUNNING}
    field.store.applied({"agent-1": ("b", 7)}, {})
    over_time(field, inventory, told=7)
    assert field.statuses(tasks) == {Status.PENDING}


def test_a_short_difference_means_nothing(field: Field, inventory: Inventory) -> None:
    tasks = field.given(running=True)
    held = frozenset({(tasks[0], 1)})
    for _ in range(6):
        field.beat(held=frozenset())
        inventory.step()
        field.clock.ahead += SETTLE - 0.5
        field.beat(held=held)
        inventory.step()
    assert field.statuses(tasks) == {Status.RUNNING}


def test_an_agent_that_is_not_heard_any_more_is_not_judged_by_what_it_said(field: Field, inventory: Inventory) -> None:
    tasks = field.given(running=True)
    field.beat()
    for _ in range(4):
        inventory.step()
        field.clock.ahead += max(SETTLE, FRESH)
    assert field.statuses(tasks) == {Status.RUNNING}


def test_what_an_agent_holds_and_has_no_right_to_is_ended(field: Field, inventory: Inventory) -> None:
    (task_id,) = field.given(running=True)
    over_time(field, inventory, held=frozenset({(task_id, 1), ("stranger", 3), (task_id, 0)}))
    assert field.told.messages == [message for message in field.told.messages if message.kind in ("dispatch", "cancel")]
    ended = {attempt for message in field.told.messages if isinstance(message, Cancel) for attempt in message.tasks}
    assert ended == {("stranger", 3)}
    assert field.statuses([task_id]) == {Status.RUNNING}


def stuck(field: Field) -> Stuck:
    # Told again and taken back at once, but for what is spared.
    return Stuck(field.store, field.told, field.tenure, tell_again=-1, take_back=-1, spare=field.pulse.may_have)


@pytest.mark.parametrize("said", ["waiting", "held"])
def test_what_an_agent_says_it_has_is_not_taken_back_though_nobody_wrote_that_it_runs(field: Field, said: str) -> None:
    assert TAKE_BACK > 0
    tasks = field.given()
    heard: dict[str, Any] = {said: frozenset({(tasks[0], 1)})}
    field.beat(**heard)
    stuck(field).step()
    assert field.statuses(tasks) == {Status.DISPATCHED}


def test_what_an_agent_does_not_have_and_has_told_nothing_of_is_taken_back(field: Field) -> None:
    tasks = field.given()
    field.beat(told=3)
    stuck(field).step()
    assert field.statuses(tasks) == {Status.DISPATCHED}, "what it has told is on its way"
    field.store.applied({"agent-1": ("b", 3)}, {})
    field.beat(told=3)
    stuck(field).step()
    assert field.statuses(tasks) == {Status.PENDING}


def test_what_is_with_an_agent_that_nobody_hears_stays_there_until_it_is_lost(field: Field) -> None:
    tasks = field.given()
    stuck(field).step()
    assert field.statuses(tasks) == {Status.DISPATCHED}


@pytest.fixture
def commands(field: Field) -> Commands:
    return Commands(field.store, field.told, field.pulse, field.clock)


def cancels(field: Field) -> list[object]:
    return [message for message in field.told.messages if isinstance(message, Cancel)]


def test_a_cancel_is_told_again_until_it_is_done(field: Field, commands: Commands) -> None:
    (task_id,) = field.given(running=True)
    assert field.store.cancel([task_id], "person") == [Answer.REQUESTED]
    told = Cancel("agent-1", "b", [(task_id, 1)])
    commands.step()
    commands.step()
    assert cancels(field) == [told]
    field.clock.ahead += AGAIN
    commands.step()
    assert cancels(field) == [told, told]
    task = field.task(task_id)
    field.store.requeue([task], "STUCK", "leader")
    assert field.statuses([task_id]) == {Status.CANCELLED}
    field.clock.ahead += AGAIN
    commands.step()
    assert len(cancels(field)) == 2


def test_an_agent_that_is_drained_is_told_until_it_says_so_and_nothing_waits_there(
    field: Field, commands: Commands
) -> None:
    field.store.drain("agent-1", "person")
    field.beat(waiting=frozenset({("a", 1)}))
    commands.step()
    field.clock.ahead += AGAIN
    field.beat(draining=True, waiting=frozenset({("a", 1)}))
    commands.step()
    assert [type(message) for message in field.told.messages] == [Drain, Drain]
    field.clock.ahead += AGAIN
    field.beat(draining=True, waiting=frozenset())
    commands.step()
    assert len(field.told.messages) == 2


@pytest.fixture
def relief(field: Field) -> Relief:
    field.agent("agent-1")
    field.agent("agent-2")
    field.look()
    return Relief(field.told, field.pulse, agents=field.live.agents, clock=field.clock)


def waits(field: Field, relief: Relief, seconds: float, *, free: int = 4) -> None:
    """Something waits with agent-1, all of whose slots are taken, while agent-2 has so many free."""
    field.beat("agent-1", free=0, waiting=frozenset({("a", 1)}))
    field.beat("agent-2", free=free)
    relief.step()
    field.clock.ahead += seconds
    field.beat("agent-1")
    field.beat("agent-2")
    relief.step()


def test_what_waits_behind_long_tasks_is_asked_back_where_another_agent_is_free(field: Field, relief: Relief) -> None:
    waits(field, relief, WAITS_FOR)
    assert field.told.messages == [Drain("agent-1", "b")]
    relief.step()
    assert len(field.told.messages) == 1, "it gets time to answer"


def test_what_waits_shortly_or_with_everybody_stays_where_it_is(field: Field, relief: Relief) -> None:
    waits(field, relief, WAITS_FOR - 0.5)
    assert field.told.messages == []
    waits(field, relief, WAITS_FOR, free=0)
    assert field.told.messages == []


def test_what_waits_with_an_agent_that_has_room_is_just_about_to_begin(field: Field, relief: Relief) -> None:
    for _ in range(3):
        field.beat("agent-1", free=1, waiting=frozenset({("a", 1)}))
        field.beat("agent-2", free=4)
        relief.step()
        field.clock.ahead += WAITS_FOR / 2
    assert field.told.messages == []


@pytest.fixture
def silent(field: Field) -> Silent:
    return Silent(field.store, field.tenure, field.pulse, agents=field.live.agents, clock=field.clock)


def wait_for_it(field: Field, silent: Silent, *heard: str) -> None:
    for _ in range(5):
        for agent in heard:
            field.beat(agent)
        field.pulse.step()
        silent.step()
        field.clock.ahead += PATIENCE / 2


def test_an_agent_that_nobody_hears_may_hold_its_lease_no_longer(field: Field, silent: Silent) -> None:
    for agent in ("agent-1", "agent-2"):
        field.agent(agent)
    field.look()
    wait_for_it(field, silent, "agent-1")
    leases = field.store.leases(["agent-1", "agent-2"])
    assert [bool(lease) for lease in leases.values()] == [True, False]


def test_nobody_is_silent_while_the_bus_brings_nothing(field: Field, silent: Silent) -> None:
    field.agent("agent-1")
    field.look()
    field.heard.echoes = False
    field.heard.newest.clear()
    wait_for_it(field, silent)
    assert field.store.leases(["agent-1"])["agent-1"]


def test_a_busy_machine_comes_last_among_agents_that_hold_the_same(field: Field) -> None:
    for agent in ("agent-1", "agent-2", "agent-3"):
        field.agent(agent)
        field.beat(agent, cpu=0.6, own=0.5 if agent == "agent-2" else 0.0)
    field.look()
    choices = Choices(field.store, field.live.agents, {"this": LeastLoad()}, "this", field.clock, busy=field.pulse.busy)
    choices.look()
    tasks = field.submit(6)
    given, _ = choices.choose([field.task(task_id) for task_id in tasks])
    assert [one.agent for one in given] == ["agent-1", "agent-3", "agent-2", "agent-1", "agent-3", "agent-2"]
    assert "busy 55%" in given[2].why
