"""The Bus contract, on lists in Redis, fake and real, and on Kafka; what lists can't do is said where it matters."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import pytest

from common.clock import SystemClock
from common.contracts import Bus, Message, Queue
from common.domain.errors import Unavailable
from common.domain.ids import Ids
from common.domain.messages import (
    Beat,
    Cancel,
    Dispatch,
    Drain,
    LogUpdate,
    Returned,
    Started,
    StatusUpdate,
)
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import Proof, Reason, failure, success
from common.lab.until import until
from common.store.keys import Keys
from common.transports.dead_letters import DeadLetter, DeadLetters, KafkaDeadLetters, RedisDeadLetters
from common.transports.kafka_bus import KafkaBus, headers_of, status_topic
from common.transports.kafka_client import KafkaLink
from common.transports.redis_bus import RedisBus
from tests.servers import RedisAt

T = TypeVar("T")
SESSION = 1.0
WITHIN = 45.0
TASK = Held("task-1", 2, "agent-1", "boot-1")
NUMBERS = count()


@dataclass
class Place:
    """One bus' server: handles on it, and what stands there."""

    kind: str
    bus: Callable[[], Bus]
    tell: Callable[[bytes], None]
    letters: Callable[[], DeadLetters]
    made: list[Bus] = field(default_factory=list)

    def handle(self) -> Bus:
        bus = self.bus()
        self.made.append(bus)
        return bus


@pytest.fixture(params=["fake", "real", "kafka"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "kafka":
        place = _kafka(request.getfixturevalue("kafka").environment["DTS_KAFKA"])
    else:
        place = _redis(request.getfixturevalue("redis_of")(request.param))
    yield place
    for bus in place.made:
        bus.close()


def _redis(served: RedisAt) -> Place:
    keys, redis = Keys(), served.client()
    return Place(
        "lists",
        lambda: RedisBus(served.client, keys, Ids(SystemClock()), SESSION),
        lambda raw: _none(redis.lpush(keys.status_queue, raw)),
        lambda: RedisDeadLetters(redis, keys),
    )


def _kafka(servers: str) -> Place:
    namespace = f"bus{next(NUMBERS)}-{id(servers)}."

    def tell(raw: bytes) -> None:
        link = KafkaLink(servers, "test")
        link.make([status_topic(namespace)])
        link.send([(status_topic(namespace).name, None, raw, [])])
        link.close()

    return Place(
        "kafka",
        lambda: KafkaBus(KafkaLink(servers, "test"), namespace, SESSION),
        tell,
        lambda: KafkaDeadLetters(KafkaLink(servers, "test")),
    )


def _none(_: object) -> None: ...


def taken(queue: Queue[T], many: int) -> list[Message[T]]:
    """So many messages, however many takes they need."""
    found: list[Message[T]] = []

    def all_there() -> bool:
        found.extend(queue.take(100, 0.2))
        return len(found) >= many

    until(all_there, WITHIN, what=f"{many} messages")
    return found


def beat(agent: str, number: int) -> Beat:
    return Beat(
        agent=agent,
        boot="boot-1",
        number=number,
        told=7,
        running=1,
        free=3,
        cpu=0.5,
        own=0.25,
        memory=0.1,
        idle=1.5,
        draining=False,
        waiting=frozenset({("a", 1)}),
        held=frozenset({("b", 2), ("c", 3)}),
    )


def test_orders_reach_the_agent_that_they_are_for_and_no_other(place: Place) -> None:
    leader, one, other = place.handle(), place.handle().inbox("agent-1"), place.handle().inbox("agent-2")
    one.open()
    other.open()
    orders = leader.orders()
    orders.warm(["agent-1", "agent-2"])
    mine = [
        Dispatch("agent-1", "boot-1", [("a", 1), ("b", 2)]),
        Cancel("agent-1", "boot-1", [("a", 1)]),
        Drain("agent-1", "boot-1", []),
    ]
    orders.publish([*mine, Dispatch("agent-2", "boot-2", [("c", 1)])])
    assert [message.body for message in taken(one, 3)] == mine
    assert [message.body for message in taken(other, 1)] == [Dispatch("agent-2", "boot-2", [("c", 1)])]


def test_what_was_ordered_before_an_inbox_was_opened_is_never_read_there(place: Place) -> None:
    if place.kind == "lists":
        return  # They hold it, and it is dropped as meant for an earlier boot.
    leader = place.handle().orders()
    leader.publish([Dispatch("agent-1", "boot-1", [("old", 1)])])
    inbox = place.handle().inbox("agent-1")
    inbox.open()
    leader.publish([Dispatch("agent-1", "boot-2", [("new", 1)])])
    assert [message.body.tasks for message in taken(inbox, 1)] == [[("new", 1)]]


def test_all_that_agents_tell_arrives_as_it_was_told_and_in_their_order(place: Place) -> None:
    proof = Proof("cgroup", True, (("TERM", 3),), 0.5)
    ends = [
        Finished(TASK, success("hi", 2), LogChunk(TASK, 0, "hi"), 1.25),
        Finished(TASK, failure(Reason.SIGNAL, "“no” \x00 \n"), LogChunk(TASK, 3, "日本語\ufffd")),
        Finished(TASK, type(success())(success().status, None, 0, "", "", 0, proof), LogChunk(TASK, 0, "")),
    ]
    told = [
        StatusUpdate("agent-1", "boot-1", 1, [Started(TASK, 0.5), ends[0]]),
        StatusUpdate("agent-1", "boot-1", 2, ends[1:]),
        StatusUpdate("agent-1", "boot-1", 3, [Returned(TASK)]),
    ]
    agent, manager = place.handle().status(), place.handle().status("manager-1")
    for update in told:
        agent.put([update])
    assert [message.body for message in taken(manager, 3)] == told
    manager.ack()
    manager.close()


def test_output_has_a_way_of_its_own(place: Place) -> None:
    piece = LogUpdate(LogChunk(TASK, 70_000, "x" * 100_000 + "é"))
    place.handle().logs().put([piece])
    manager = place.handle().logs("manager-1")
    assert [message.body for message in taken(manager, 1)] == [piece]
    assert place.handle().status("manager-1").take(10, 0.2) == []


def test_the_newest_heartbeat_of_each_agent_is_seen(place: Place) -> None:
    bus, beats = place.handle(), place.handle().beats()
    beats.look(0.5)
    for number in (1, 2):
        bus.beat(beat("agent-1", number))
    bus.beat(beat("agent-2", 9))

    def seen() -> bool:
        found = beats.look(0.2)
        assert {agent: said.number for agent, (said, _) in found.items()} == {"agent-1": 2, "agent-2": 9}
        assert found["agent-1"][0] == beat("agent-1", 2)
        assert 0 <= found["agent-1"][1] < WITHIN
        return True

    until(seen, WITHIN)
    beats.close()


@pytest.mark.timeout(120)
def test_what_a_manager_took_and_did_not_settle_goes_to_another_when_it_falls_silent(place: Place) -> None:
    updates = [StatusUpdate(f"agent-{n}", "b", n, [Returned(TASK)]) for n in range(1, 9)]
    place.handle().status().put(updates)
    first = place.handle().status("manager-1")
    some = taken(first, 1)
    if place.kind == "kafka":
        # Nothing of it goes on, as if it had been killed: nobody sends its heartbeats.
        first._consumer._coordinator._heartbeat_enabled = False  # type: ignore[attr-defined]
        first.close()
    second = place.handle().status("manager-2")
    numbers = {message.body.number for message in taken(second, len(updates))}
    assert numbers == {update.number for update in updates}
    second.ack()
    assert some
    second.close()


def test_what_waits_is_seen_from_outside_and_looking_takes_nothing(place: Place) -> None:
    bus = place.handle()
    agent, manager = bus.status(), place.handle().status("manager-1")
    name = Keys().status_queue if place.kind == "lists" else status_topic("").name

    def waiting() -> int:
        """-1 while it can't be told: a new Kafka first has to make the place where groups keep theirs."""
        with suppress(Unavailable):
            return _waiting()
        return -1

    def _waiting() -> int:
        return sum(one.waiting for one in bus.traffic() if one.name.endswith(name))

    agent.put([StatusUpdate("agent-1", "b", 0, [Returned(TASK)])])
    until(lambda: waiting() == 1, WITHIN, what="what waits for the very first manager to be seen")
    agent.put([StatusUpdate("agent-1", "b", 1, [Returned(TASK)])])
    taken(manager, 2)
    manager.ack()
    until(lambda: waiting() == 0, WITHIN)
    agent.put([StatusUpdate("agent-1", "b", n, [Returned(TASK)]) for n in (2, 3)])
    until(lambda: waiting() == 2, WITHIN)
    taken(manager, 2)
    assert waiting() == 2
    manager.ack()
    until(lambda: waiting() == 0, WITHIN)
    manager.close()


def test_what_can_not_be_read_is_kept_and_can_be_sent_again_or_dropped(place: Place) -> None:
    manager = place.handle().status("manager-1")
    for raw in (b"rubbish", b'{"schema":7}'):
        place.tell(raw)
    letters = place.letters()

    def kept() -> list[DeadLetter]:
        manager.take(10, 0.1)
        manager.ack()
        return [one for one in letters.newest(100) if one.body in ("rubbish", '{"schema":7}')]

    found = until(lambda: kept() if len(kept()) == 2 else [], WITHIN)
    rubbish, other = sorted(found, key=lambda one: one.body)
    assert "not JSON" in rubbish.reason
    assert "schema is 7" in other.reason
    assert letters.drop(other)
    assert [one.body for one in kept()] == ["rubbish"]
    assert letters.replay(next(one for one in kept() if one.body == "rubbish"))
    # It comes back, for nobody can read it yet.
    again = until(kept, WITHIN)
    assert [one.body for one in again] == ["rubbish"]
    assert letters.drop(again[0])
    assert kept() == []
    letters.close()
    manager.close()


def test_the_destination_of_an_agent_that_is_gone_is_removed(place: Place) -> None:
    bus = place.handle()
    bus.beat(beat("agent-1", 1))
    bus.beat(beat("agent-2", 1))
    bus.orders().publish([Dispatch("agent-1", "b", [("a", 1)]), Dispatch("agent-2", "b", [("b", 1)])])
    until(lambda: set(bus.destinations()) == {"agent-1", "agent-2"}, WITHIN)
    bus.forget(["agent-1"])
    until(lambda: set(bus.destinations()) == {"agent-2"}, WITHIN)
    # An agent of that id that comes again is reached again.
    inbox = place.handle().inbox("agent-1")
    inbox.open()
    bus.orders().publish([Dispatch("agent-1", "b", [("c", 1)])])
    assert taken(inbox, 1)[0].body == Dispatch("agent-1", "b", [("c", 1)])


def test_headers_say_whose_a_message_is() -> None:
    assert dict(headers_of("agent-1", [("t", 3)])) == {
        "schema": b"1",
        "agent": b"agent-1",
        "taskId": b"t",
        "attempt": b"3",
    }
    assert dict(headers_of("agent-1", [("t", 3), ("u", 1)]))["tasks"] == b"2"
    assert json.loads(Dispatch("a", "b", [("t", 1)]).encode())["schema"] == 1
