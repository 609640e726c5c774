"""An agent on the bus: it hears, looks before it runs, tells in numbered messages, and beats."""

import threading
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import pytest

from common.contracts import Message
from common.domain.messages import Cancel, Dispatch, Drain, LogUpdate, Order, Returned, Started, StatusUpdate
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import success
from common.domain.status import Status
from common.domain.task import Task, TaskSpec
from stage1_mvp.runs import Runs
from stage2_zk.told import Told
from stage3_kafka.heart import Condition, Heart
from stage3_kafka.inbox import HeardInbox
from stage3_kafka.listener import Listener
from stage3_kafka.load import Load
from stage3_kafka.report import PIECE, WITH_ITS_END, BusReport
from tests.stage3.conftest import Field, Heard

T = TypeVar("T")


class Line(Generic[T]):
    """A queue in this process."""

    def __init__(self) -> None:
        self.messages: list[T] = []
        self.opened = False

    def open(self) -> None:
        self.opened = True

    def put(self, bodies: Iterable[T]) -> None:
        self.messages += bodies

    def take(self, limit: int, timeout: float) -> Sequence[Message[T]]:
        taken, self.messages = self.messages[:limit], self.messages[limit:]
        return [Message(str(number), body) for number, body in enumerate(taken)]

    def ack(self) -> None: ...
    def reject(self, message: Message[T], reason: str) -> None: ...
    def close(self) -> None: ...


class Agent:
    """agent-1 as boot b, but for what runs tasks."""

    def __init__(self, field: Field) -> None:
        self.orders: Line[Order] = Line()
        self.status: Line[StatusUpdate] = Line()
        self.logs: Line[LogUpdate] = Line()
        self.runs, self.told = Runs(), Told()
        self.report = BusReport(self.status, self.logs, "agent-1", "b")
        self.listener = Listener(self.orders, self.told, self.runs, self.report, ("agent-1", "b"))
        self.inbox = HeardInbox(self.told, field.store, self.report, "agent-1", "b")

    def hear(self, *orders: Order) -> None:
        self.orders.put(orders)
        self.listener.step()

    def take(self, limit: int = 10) -> list[str]:
        taken = self.inbox.take(limit, 0)
        self.runs.add(taken)
        return [task.task_id for task in taken]

    def returned(self) -> list[tuple[str, int]]:
        updates = [one for message in self.status.messages for one in message.updates]
        return [(one.task.task_id, one.task.attempt) for one in updates if isinstance(one, Returned)]


@pytest.fixture
def agent(field: Field) -> Agent:
    return Agent(field)


def dispatch(*tasks: str, boot: str = "b", attempt: int = 1) -> Dispatch:
    return Dispatch("agent-1", boot, [(task_id, attempt) for task_id in tasks])


def test_an_agent_runs_what_it_heard_of_once_and_nothing_for_another_boot(field: Field, agent: Agent) -> None:
    tasks = field.given(3)
    agent.hear(dispatch(*tasks[:2]), dispatch(tasks[2], boot="earlier"), dispatch(*tasks[:2]))
    assert agent.take() == tasks[:2]
    agent.hear(dispatch(*tasks[:2]))
    assert agent.take() == []


def test_a_message_alone_runs_nothing(field: Field, agent: Agent) -> None:
    cancelled, elsewhere, taken_back = field.given(3)
    field.store.cancel([cancelled], "person")
    field.store.requeue([field.task(taken_back)], "STUCK", "leader")
    agent.hear(dispatch(cancelled, taken_back, "nobody"), dispatch(elsewhere, attempt=2))
    assert agent.take() == []
    assert field.task(cancelled).status is Status.CANCELLED


def test_no_more_is_taken_than_there_is_room_for(field: Field, agent: Agent) -> None:
    tasks = field.given(4)
    agent.hear(dispatch(*tasks))
    assert agent.take(3) == tasks[:3]
    assert agent.told.unanswered() == {(tasks[3], 1)}


def test_a_task_that_nobody_can_read_is_told_of_as_failed(field: Field, agent: Agent) -> None:
    good, spoilt = field.given(2)
    field.redis.hset(field.keys.task(spoilt), "timeout", "soon")
    agent.hear(dispatch(good, spoilt))
    assert agent.take() == [good]
    (update,) = [one for message in agent.status.messages for one in message.updates]
    assert isinstance(update, Finished)
    assert update.task.task_id == spoilt
    assert "timeout is 'soon'" in update.result.error


def test_a_cancel_ends_what_runs_and_forgets_what_waits(field: Field, agent: Agent) -> None:
    first, second = field.given(2)
    agent.hear(dispatch(first, second))
    agent.take(1)
    agent.hear(Cancel("agent-1", "b", [(first, 2), (second, 1)]))
    assert not agent.runs.running()[0].cancelled.is_set(), "it is another attempt that was meant"
    agent.hear(Cancel("agent-1", "earlier", [(first, 1)]))
    assert not agent.runs.running()[0].cancelled.is_set()
    agent.hear(Cancel("agent-1", "b", [(first, 1)]))
    assert agent.runs.running()[0].cancelled.is_set()
    assert agent.take() == []


def test_a_drained_agent_hands_back_what_it_has_not_begun_and_goes_on_with_the_next_dispatch(
    field: Field, agent: Agent
) -> None:
    tasks = field.given(3)
    agent.hear(dispatch(*tasks))
    agent.take(1)
    agent.hear(Drain("agent-1", "b", []))
    assert agent.listener.draining.is_set()
    assert agent.returned() == [(tasks[1], 1), (tasks[2], 1)]
    assert agent.take() == []
    agent.hear(dispatch("more"))
    assert not agent.listener.draining.is_set()


def test_nobody_may_see_an_agent_before_it_listens(agent: Agent) -> None:
    assert not agent.listener.hears.is_set()
    agent.listener.step()
    assert agent.orders.opened
    assert agent.listener.hears.is_set()


TASK = Held("t", 1, "agent-1", "b")


def end(text: str, offset: int = 0) -> Finished:
    return Finished(TASK, success(text[:100], len(text)), LogChunk(TASK, offset, text), 0.5)


def test_messages_are_numbered_and_bounded(agent: Agent) -> None:
    agent.report.started([(TASK, 0.5)])
    agent.report.finished([end("x" * WITH_ITS_END)] * 5)
    numbers = [message.number for message in agent.status.messages]
    assert numbers == list(range(1, len(numbers) + 1))
    assert agent.report.told == len(numbers)
    assert len(agent.status.messages[1:]) > 1
    assert max(len(message.encode()) for message in agent.status.messages) < 2 * 1_048_576
    assert sum(isinstance(one, Started) for message in agent.status.messages for one in message.updates) == 1


def test_a_long_rest_of_output_goes_before_its_end_in_pieces_that_fit(agent: Agent) -> None:
    # Of the characters that need most room in JSON.
    text = "\x00é🙂" * (PIECE // 2)
    agent.report.finished([end(text, offset=70)])
    pieces = [message.chunk for message in agent.logs.messages]
    assert "".join(piece.text for piece in pieces) == text
    offset = 70
    for piece in pieces:
        assert piece.offset == offset
        offset += len(piece.text.encode())
    assert max(len(message.encode()) for message in agent.logs.messages) < 2 * 1_048_576
    (update,) = agent.status.messages[0].updates
    assert isinstance(update, Finished)
    assert (update.log.text, update.log.offset) == ("", offset)


def test_a_heartbeat_says_what_is_held_and_what_was_told(field: Field, agent: Agent) -> None:
    tasks = field.given(3)
    agent.hear(dispatch(*tasks))
    agent.take(1)
    agent.report.started([(TASK, 0.5)])
    condition = Condition("agent-1", "b", 4, agent.runs, agent.told, agent.report, agent.listener, Load(1))
    bus = Heard()
    heart = Heart(bus, condition.beat, 1.0, field.clock)  # type: ignore[arg-type]
    assert heart.step() == pytest.approx(1.0, abs=0.2)
    beat = bus.newest["agent-1"]
    assert (beat.number, beat.told, beat.running, beat.free, beat.draining) == (1, 1, 1, 3, False)
    assert beat.held == {(tasks[0], 1)}
    assert beat.waiting == {(tasks[1], 1), (tasks[2], 1)}
    field.clock.ahead += 0.9
    assert heart.step() == pytest.approx(1.0, abs=0.2)
    field.clock.ahead += 5
    assert heart.step() == 0, "it is late, and does not catch up"
    assert bus.newest["agent-1"].number == 3


def test_the_load_of_a_task_is_told_apart_from_that_of_others() -> None:
    import subprocess
    import sys

    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        load = Load(spin.pid)
        other = Load(subprocess.os.getpid())  # type: ignore[attr-defined]
        end = threading.Event()
        other.measure()
        end.wait(0.5)
        assert other.measure().own > 0.1, "it is below this process"
        assert load.measure().own == 0, "and nothing is below it"
    finally:
        spin.kill()
        spin.wait()


def test_what_a_boot_was_told_is_asked_for_again_only_where_no_answer_came() -> None:
    told = Told()
    told.note([("a", 1), ("b", 1), ("a", 1)])
    assert list(told.take(1)) == [("a", 1)]
    told.note([("a", 1)])
    told.again()
    assert list(told.take(5)) == [("a", 1), ("b", 1)]
    told.settle([("a", 1)])
    told.note([("a", 1), ("b", 1)])
    assert told.unanswered() == {("b", 1)}
    assert told.drop([("c", 1)]) == []
    assert told.drop() == [("b", 1)]


def test_spec_is_read_from_the_store_and_not_from_the_message(field: Field, agent: Agent) -> None:
    (task_id,) = field.given()
    agent.hear(dispatch(task_id))
    (task,) = agent.inbox.take(1, 0)
    assert isinstance(task, Task)
    assert task.spec == TaskSpec(content="true")
