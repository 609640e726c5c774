"""What agents tell becomes state: once, in whatever order and however often it comes, and only if it is theirs."""

from collections.abc import Iterable, Sequence

import pytest
from redis import Redis

from common.clock import SystemClock
from common.contracts import Message
from common.domain.errors import Unavailable
from common.domain.ids import Ids
from common.domain.messages import LogUpdate, Returned, Started, StatusUpdate, Update
from common.domain.reports import Finished, Granted, Held, LogChunk
from common.domain.result import Reason, failure, success
from common.domain.status import Answer, Status
from common.store.keys import Keys
from common.store.tasks import TaskStore
from common.transports.memory import MemoryBroker, MemoryQueue
from stage3_kafka.manager import LogWriter, Manager
from tests.stage2.conftest import EPOCH
from tests.stage3.conftest import Field
from tests.store.invariants import assert_consistent


class Office:
    """A manager, what it reads from, and the tasks that agent-1 has."""

    def __init__(self, field: Field) -> None:
        self.field, self.store = field, field.store
        self.broker = MemoryBroker()
        ids = Ids(SystemClock())
        self.queue: MemoryQueue[StatusUpdate] = MemoryQueue(
            self.broker, "m", ids=ids, encode=StatusUpdate.encode, decode=StatusUpdate.decode
        )
        self.manager = Manager(self.queue, self.store, "manager-1", field.clock)
        self.numbers = iter(range(1, 1000))

    def tell(self, *updates: Update, agent: str = "agent-1", boot: str = "b") -> StatusUpdate:
        told = StatusUpdate(agent, boot, next(self.numbers), updates)
        self.queue.put([told])
        return told

    def hear(self, *updates: Update, **whose: str) -> None:
        self.tell(*updates, **whose)
        self.manager.step()

    def verbs(self, task_id: str) -> list[str]:
        return [entry["verb"] for entry in self.store.history(task_id)]


@pytest.fixture
def office(field: Field) -> Office:
    return Office(field)


def own(task_id: str, attempt: int = 1, agent: str = "agent-1", boot: str = "b") -> Held:
    return Held(task_id, attempt, agent, boot)


def end(task: Granted, *, text: str = "hi\n", seconds: float = 0.25) -> Finished:
    return Finished(task, success(text, len(text)), LogChunk(task, 0, text), seconds)


def test_a_start_and_an_end_are_written_by_the_manager(office: Office) -> None:
    (task_id,) = office.field.given()
    office.hear(Started(own(task_id), 0.1))
    assert office.field.task(task_id).status is Status.RUNNING
    office.hear(end(own(task_id)))
    task = office.field.task(task_id)
    assert task.result
    assert (task.status, task.result.output) == (Status.SUCCESS, "hi\n")
    assert office.store.read_log(task_id, 1).text == "hi\n"
    authors = [(entry["verb"], entry["by"]) for entry in office.store.history(task_id)]
    assert authors[-2:] == [("start", "manager-1"), ("report", "manager-1")]
    assert_consistent(office.field.redis, office.field.keys)


def test_an_end_tells_of_its_start_too_and_when_that_was(office: Office) -> None:
    (task_id,) = office.field.given()
    office.hear(end(own(task_id), seconds=2.0))
    assert office.verbs(task_id)[-2:] == ["start", "report"]
    task = office.field.task(task_id)
    assert task.started_at < task.finished_at
    assert_consistent(office.field.redis, office.field.keys)


def test_updates_that_change_places_or_come_again_change_nothing(office: Office) -> None:
    tasks = office.field.given(3)
    ends = [end(own(task_id)) for task_id in tasks]
    office.hear(*ends)
    office.hear(*(Started(own(task_id), 0.1) for task_id in tasks))
    office.hear(*ends)
    office.hear(*ends)
    assert office.field.statuses(tasks) == {Status.SUCCESS}
    assert {tuple(office.verbs(task_id)[-2:]) for task_id in tasks} == {("start", "report")}
    assert office.store.refused() == {"TERMINAL": 3, "SAME": 6}


FORGED = {
    "another agent": (own("", agent="agent-2"), Answer.FENCED),
    "another boot": (own("", boot="b0"), Answer.FENCED),
    "a later attempt": (own("", 2), Answer.STALE_ATTEMPT),
    "no such task": (own("nobody"), Answer.NOT_FOUND),
}


@pytest.mark.parametrize("who", FORGED)
def test_what_is_not_theirs_to_tell_is_refused_and_counted(office: Office, who: str) -> None:
    (task_id,) = office.field.given(running=True)
    whose, answer = FORGED[who]
    told = Held(whose.task_id or task_id, whose.attempt, whose.agent, whose.boot)
    office.hear(end(told), Started(told, 0.0))
    assert office.field.statuses([task_id]) == {Status.RUNNING}
    assert office.store.refused() == {answer: 1}, "an end tells of the start too"


def test_an_earlier_attempt_is_not_listened_to_and_its_output_is_kept(office: Office) -> None:
    (task_id,) = office.field.given(running=True)
    office.store.log([LogChunk(own(task_id), 0, "begun ")], "manager")
    task = office.field.task(task_id)
    office.store.requeue([task], "STUCK", "leader", EPOCH)
    office.field.assigner.step()
    office.hear(end(own(task_id)))
    assert office.field.statuses([task_id]) == {Status.DISPATCHED}
    assert office.store.refused() == {"STALE_ATTEMPT": 1}
    office.store.log([LogChunk(own(task_id), 6, "and on")], "manager")
    assert office.store.read_log(task_id, 1).text == "begun and on"


def test_what_an_agent_hands_back_waits_again_at_no_cost(office: Office) -> None:
    waiting, running = office.field.given(2)
    office.hear(Started(own(running), 0.1))
    office.hear(Returned(own(waiting)), Returned(own(running)), Returned(own("nobody")))
    assert office.field.task(waiting).status is Status.PENDING
    assert office.field.task(running).status is Status.RUNNING
    assert (office.field.task(waiting).lost, office.field.task(waiting).failures) == (0, 0)
    assert_consistent(office.field.redis, office.field.keys)


def test_a_failure_is_tried_again_as_ever(office: Office) -> None:
    office.field.agent("agent-1")
    office.field.look()
    (task_id,) = office.field.submit(retries=1, retry_delay=0)
    office.field.assigner.step()
    task = own(task_id)
    office.hear(Finished(task, failure(Reason.EXIT_CODE, "", exit_code=3), LogChunk(task, 0, "")))
    assert (office.field.task(task_id).status, office.field.task(task_id).failures) == (Status.PENDING, 1)


def test_the_last_number_that_is_applied_is_noted_for_each_agent(office: Office) -> None:
    tasks = office.field.given(2)
    told = [office.tell(end(own(task_id))) for task_id in tasks]
    office.tell(Returned(own("x")), agent="agent-2", boot="b2")
    office.manager.step()
    assert office.store.last_applied() == {"agent-1": ("b", told[-1].number), "agent-2": ("b2", told[-1].number + 1)}


def test_one_spoilt_task_is_put_aside_and_the_others_end(office: Office) -> None:
    good, spoilt, also = office.field.given(3)
    redis, keys = office.field.redis, office.field.keys
    redis.delete(keys.history(spoilt))
    redis.set(keys.history(spoilt), "not a list")
    office.tell(end(own(good)))
    office.tell(end(own(spoilt)))
    office.tell(end(own(also)))
    office.manager.step()
    assert office.field.statuses([good, also]) == {Status.SUCCESS}
    ((_, reason),) = office.broker.dead
    assert "holds something else" in reason


class Away(TaskStore):
    """A store that is away for a while."""

    away = True

    def report(self, *args: object, **how: object) -> list[tuple[Answer, Status | None]]:
        if self.away:
            raise Unavailable("away")
        return super().report(*args, **how)  # type: ignore[arg-type]


def test_while_the_store_is_away_nothing_is_settled_and_nothing_skipped(field: Field, redis: Redis, keys: Keys) -> None:
    office = Office(field)
    tasks = field.given(3)
    store = Away(redis, keys)
    manager = Manager(office.queue, store, "manager-1", field.clock)
    for task_id in tasks:
        office.tell(end(own(task_id)))
    for _ in range(3):
        with pytest.raises(Unavailable):
            manager.step()
    late = office.tell(Returned(own("x")))
    store.away = False
    manager.step()
    manager.step()
    assert field.statuses(tasks) == {Status.SUCCESS}
    assert store.last_applied()["agent-1"] == ("b", late.number)
    assert office.queue.take(10, 0) == []


class Line:
    """A queue of output, in this process."""

    def __init__(self) -> None:
        self.messages: list[LogUpdate] = []
        self.settled = 0

    def put(self, bodies: Iterable[LogUpdate]) -> None:
        self.messages += bodies

    def take(self, limit: int, timeout: float) -> Sequence[Message[LogUpdate]]:
        taken, self.messages = self.messages[:limit], self.messages[limit:]
        return [Message(str(number), body) for number, body in enumerate(taken)]

    def ack(self) -> None:
        self.settled += 1

    def reject(self, message: Message[LogUpdate], reason: str) -> None: ...
    def close(self) -> None: ...


def test_output_that_comes_after_its_end_or_twice_is_kept_once(office: Office) -> None:
    (task_id,) = office.field.given()
    line = Line()
    writer = LogWriter(line, office.store, "manager-1")
    task = own(task_id)
    office.hear(Finished(task, success(), LogChunk(task, 9, "")))
    for offset, text in ((0, "one "), (0, "one two"), (4, "two three")):
        line.put([LogUpdate(LogChunk(task, offset, text))])
        writer.step()
    assert office.store.read_log(task_id, 1).text == "one two three"
    assert line.settled == 3
