"""The bus on Kafka: a topic for each agent, one for what agents tell, one for output, one for heartbeats (F-BUS-01)."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from common.contracts import Beats, Inlet, Orders, Queue, Traffic
from common.domain.errors import BadMessage
from common.domain.messages import SCHEMA, Beat, LogUpdate, Order, StatusUpdate, decode_order
from common.transports.kafka_client import KafkaLink, Topic
from common.transports.kafka_queue import Form, Headers, KafkaQueue
from common.transports.kafka_traffic import traffic

T = TypeVar("T")

DISPATCH, STATUS, LOGS, HEARTBEATS = (
    *("task-dispatch-topic", "task-status-update-topic", "task-log-topic"),
    "agent-heartbeat-topic",
)
MANAGERS = "task-manager"
"""The group of those who share what agents tell."""
PARTITIONS = 4
"""So many managers can share the work; what one agent tells stays in one of them, and in its order."""
HOUR, DAY = 3600.0, 86_400.0
AT_ONCE = 2000


class KafkaBus:
    """The bus on one Kafka. `namespace` stands before all topics; a member of a group is silent `session` seconds."""

    def __init__(self, link: KafkaLink, namespace: str, session: float) -> None:
        self._link, self._session = link, session
        self._given: list[KafkaQueue[Any]] = []
        self._prefix = _prefix(namespace)
        self._status = status_topic(namespace)
        self._logs = Topic(f"{self._prefix}{LOGS}", PARTITIONS, DAY)
        self._beats = Topic(f"{self._prefix}{HEARTBEATS}", 1, HOUR)

    def orders(self) -> Orders:
        return KafkaOrders(self._link, self._inbox)

    def inbox(self, agent: str) -> Inlet[Order]:
        return self._kept(KafkaQueue(self._link, self._inbox(agent), "", Form(Order.encode, decode_order)))

    def status(self, manager: str = "") -> Queue[StatusUpdate]:
        def headers(update: StatusUpdate) -> Headers:
            return headers_of(update.agent, [(one.task.task_id, one.task.attempt) for one in update.updates])

        return self._shared(
            self._status, Form(StatusUpdate.encode, StatusUpdate.decode, lambda one: one.agent, headers), MANAGERS
        )

    def logs(self, manager: str = "") -> Queue[LogUpdate]:
        def headers(update: LogUpdate) -> Headers:
            task = update.chunk.task
            return headers_of(task.agent, [(task.task_id, task.attempt)])

        # A group of its own: whoever joins one makes all of it share out anew.
        form = Form(LogUpdate.encode, LogUpdate.decode, lambda one: one.chunk.task.agent, headers)
        return self._shared(self._logs, form, f"{MANAGERS}-logs")

    def beat(self, beat: Beat) -> None:
        self._link.make([self._beats])
        self._link.send([(self._beats.name, beat.agent.encode(), beat.encode(), headers_of(beat.agent, ()))])

    def beats(self) -> Beats:
        return KafkaBeats(self._kept(KafkaQueue(self._link, self._beats, "", Form(_beat, _beat_or_none))))

    def destinations(self) -> Sequence[str]:
        prefix = f"{self._prefix}{DISPATCH}."
        return [name.removeprefix(prefix) for name in self._link.topics() if name.startswith(prefix)]

    def forget(self, agents: Sequence[str]) -> None:
        self._link.remove([self._inbox(agent).name for agent in agents])

    def traffic(self) -> Sequence[Traffic]:
        topics = [f"{self._prefix}{name}" for name in (DISPATCH, STATUS, LOGS, HEARTBEATS)]
        group = f"{self._prefix}{MANAGERS}"
        return traffic(self._link, topics, {self._status.name: group, self._logs.name: f"{group}-logs"})

    def close(self) -> None:
        for queue in self._given:
            queue.close()
        self._link.close()

    def _inbox(self, agent: str) -> Topic:
        # Messages are hints, and what is older than an hour is no hint any more.
        return Topic(f"{self._prefix}{DISPATCH}.{agent}", 1, HOUR)

    def _shared(self, topic: Topic, form: Form[T], group: str) -> Queue[T]:
        queue = KafkaQueue(self._link, topic, f"{self._prefix}{group}", form, shared=True, session=self._session)
        return self._kept(queue)

    def _kept(self, queue: KafkaQueue[T]) -> KafkaQueue[T]:
        self._given.append(queue)
        return queue


class KafkaOrders:
    """Orders for agents, each into its own topic, all at once."""

    def __init__(self, link: KafkaLink, topic: Callable[[str], Topic]) -> None:
        self._link, self._topic = link, topic

    def publish(self, orders: Sequence[Order]) -> None:
        # An agent that registers has made its topic; one that was removed is made again, for a boot that is to come.
        self._link.make([self._topic(order.agent) for order in orders])
        self._link.send(
            [
                (self._topic(order.agent).name, None, order.encode().encode(), headers_of(order.agent, order.tasks))
                for order in orders
            ]
        )

    def warm(self, agents: Sequence[str]) -> None:
        self._link.make([self._topic(agent) for agent in agents])
        self._link.warm([self._topic(agent).name for agent in agents])


class KafkaBeats:
    """The newest heartbeat of each agent since we look; how old it is counts from when it came."""

    def __init__(self, queue: Inlet[Beat | None]) -> None:
        self._queue = queue
        self._seen: dict[str, tuple[Beat, float]] = {}

    def look(self, timeout: float) -> Mapping[str, tuple[Beat, float]]:
        for message in self._queue.take(AT_ONCE, timeout):
            if message.body:
                self._seen[message.body.agent] = (message.body, time.monotonic())
        now = time.monotonic()
        return {agent: (beat, now - at) for agent, (beat, at) in self._seen.items()}

    def close(self) -> None:
        self._queue.close()


def status_topic(namespace: str) -> Topic:
    """Where agents tell what became of their tasks."""
    return Topic(f"{_prefix(namespace)}{STATUS}", PARTITIONS, 7 * DAY)


def _prefix(namespace: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", namespace)


def headers_of(agent: str, attempts: Sequence[tuple[str, int]]) -> Headers:
    """What can be seen of a message without reading it; of one about several tasks, how many they are."""
    headers = [("schema", str(SCHEMA).encode()), ("agent", agent.encode())]
    if len(attempts) == 1:
        task_id, attempt = attempts[0]
        return [*headers, ("taskId", task_id.encode()), ("attempt", str(attempt).encode())]
    return [*headers, ("tasks", str(len(attempts)).encode())]


def _beat(beat: Beat | None) -> bytes:
    return beat.encode() if beat else b""


def _beat_or_none(raw: bytes) -> Beat | None:
    """Nobody is helped by a heartbeat among the dead letters: the next one comes in a second."""
    try:
        return Beat.decode(raw)
    except BadMessage:
        return None
