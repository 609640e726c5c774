"""When tasks run: not before their time, not after it, and in the order of their priorities."""

from datetime import UTC, datetime, timedelta

import pytest

from common.domain.result import Reason
from common.domain.status import Status
from common.lab.until import until
from tests.stage1.desk import Desk


@pytest.fixture
def shared(served: Desk) -> Desk:
    return served


def test_a_task_runs_soon_after_it_is_due_and_not_before(shared: Desk) -> None:
    task = shared.ran(delay=0.5)
    assert task.status is Status.SUCCESS
    waited = datetime.fromisoformat(task.started_at) - datetime.fromisoformat(task.created_at)
    assert timedelta(seconds=0.5) <= waited < timedelta(seconds=10)
    assert task.started_at >= task.due_at


def test_what_can_not_start_in_time_never_runs(shared: Desk) -> None:
    over = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    task = shared.ran(startBy=over)
    assert (task.status, task.attempt) == (Status.FAILED, 0)
    assert task.result
    assert task.result.reason is Reason.EXPIRED


def test_what_waits_for_an_agent_is_given_up_in_time(shared: Desk) -> None:
    """All slots are taken by one task after the other; what waits behind them does not wait for ever."""
    slots = int(shared.store.leases(["agent-1"])["agent-1"]["slots"])
    long = [shared.running(shared.push("sleep 600")).task_id for _ in range(slots)]
    waits = shared.push(startWithin=0.3)
    task = shared.ended(waits)
    assert task.result
    assert (task.status, task.result.reason, task.attempt) == (Status.FAILED, Reason.EXPIRED, 0)
    for task_id in long:
        shared.cancel(task_id)
        shared.ended(task_id)


def test_the_most_urgent_runs_next(shared: Desk) -> None:
    slots = int(shared.store.leases(["agent-1"])["agent-1"]["slots"])
    long = [shared.running(shared.push("sleep 600")).task_id for _ in range(slots)]
    ids = [shared.push(priority=priority) for priority in (0, 4, 9)]
    until(lambda: all(shared.store.get_many(ids)))
    for task_id in long:
        shared.cancel(task_id)
    started = [task.started_at for task in shared.succeeded(*ids)]
    assert started == sorted(started, reverse=True)
