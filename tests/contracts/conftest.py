"""The same contract for each implementation: where it needs a server, on the fake one and on a redis-server."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any, Protocol

import pytest

from common.clock import SystemClock
from common.contracts import Queue
from common.domain.errors import BadMessage
from common.domain.ids import Ids
from common.store.keys import Keys
from common.transports.kafka_client import KafkaLink, Topic
from common.transports.kafka_queue import Form, KafkaQueue
from common.transports.memory import MemoryBroker, MemoryQueue
from common.transports.redis_list import RedisListQueue
from tests.contracts.places import FakePlace, MemoryPlace, Place, RedisPlace, ZooKeeperPlace
from tests.servers import RedisAt


class Line(Protocol):
    """One line of messages, from the outside."""

    def handle(self, consumer: str = "agent-1") -> Queue[Any]:
        """A new handle of a consumer; its bodies are JSON values."""
        ...

    def push(self, body: bytes) -> None:
        """Put a body as somebody would who knows nothing of `encode`."""
        ...

    def dead(self) -> list[tuple[bytes, str]]:
        """The bodies and reasons of the dead letters, oldest first."""
        ...


class MemoryLine:
    def __init__(self) -> None:
        self._broker, self._ids = MemoryBroker(), Ids(SystemClock())

    def handle(self, consumer: str = "agent-1") -> Queue[Any]:
        return MemoryQueue(self._broker, consumer, ids=self._ids, encode=encode, decode=decode)

    def push(self, body: bytes) -> None:
        with self._broker.changed:
            self._broker.waiting.append(body)
            self._broker.changed.notify_all()

    def dead(self) -> list[tuple[bytes, str]]:
        return self._broker.dead


class RedisLine:
    def __init__(self, redis_at: RedisAt, keys: Keys) -> None:
        self._at, self._keys, self._ids = redis_at, keys, Ids(SystemClock())
        self._redis = redis_at.client()

    def handle(self, consumer: str = "agent-1") -> Queue[Any]:
        client = self._at.client(blocking=True)
        return RedisListQueue(
            client, self._keys, self._keys.tasks_queue, consumer, ids=self._ids, encode=encode, decode=decode
        )

    def push(self, body: bytes) -> None:
        self._redis.lpush(self._keys.tasks_queue, body)

    def dead(self) -> list[tuple[bytes, str]]:
        letters = self._redis.lrange(self._keys.dead_letters(self._keys.tasks_queue), 0, -1)
        found = [json.loads(letter) for letter in letters]
        return [(letter["body"].encode(errors="surrogateescape"), letter["reason"]) for letter in reversed(found)]


class KafkaLine:
    """A topic of its own; a consumer is the only reader of its destination."""

    _numbers = count()

    def __init__(self, servers: str) -> None:
        self._link = KafkaLink(servers, "contract")
        self._topic = Topic(f"contract-{next(self._numbers)}-{time.monotonic_ns()}", 1, 3600)
        self._handles: list[KafkaQueue[Any]] = []

    def handle(self, consumer: str = "agent-1") -> Queue[Any]:
        handle: KafkaQueue[Any] = KafkaQueue(self._link, self._topic, consumer, Form(encode, decode))
        self._handles.append(handle)
        return handle

    def push(self, body: bytes) -> None:
        self._link.make([self._topic])
        self._link.send([(self._topic.name, None, body, [])])

    def dead(self) -> list[tuple[bytes, str]]:
        letters: KafkaQueue[Any] = KafkaQueue(
            self._link, Topic(f"{self._topic.name}.dlq", 1, 3600), "dead", Form(encode, json.loads)
        )
        with closing(letters):
            found = [message.body for message in letters.take(100, 0)]
        return [(letter["body"].encode(errors="surrogateescape"), letter["reason"]) for letter in found]

    def close(self) -> None:
        for handle in self._handles:
            handle.close()
        self._link.remove([self._topic.name, f"{self._topic.name}.dlq"])
        self._link.close()


SHARED = ("memory", "fake", "real")
"""Where several consumers share one destination. In Kafka each agent has its own topic, and managers a group."""

KEPT_ELSEWHERE = ("fake", "real", "kafka")
"""Where dead letters are put on a server, which can be away."""


@pytest.fixture(params=[*SHARED, "kafka"])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    if request.param == "memory":
        yield MemoryLine()
        return
    if request.param == "kafka":
        served_by_kafka = KafkaLine(request.getfixturevalue("kafka").environment["DTS_KAFKA"])
        yield served_by_kafka
        served_by_kafka.close()
        return
    served: RedisAt = request.getfixturevalue("redis_of")(request.param)
    yield RedisLine(served, Keys())
    served.empty()


@pytest.fixture(params=["memory", "fake", "real", "zookeeper"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    made = _place(request)
    with made.at_the_end:
        yield made


def _place(request: pytest.FixtureRequest) -> MemoryPlace | FakePlace | RedisPlace | ZooKeeperPlace:
    match request.param:
        case "memory":
            return MemoryPlace()
        case "zookeeper":
            return ZooKeeperPlace(request.getfixturevalue("zookeeper").member("zookeeper").port)
        case kind:
            served = request.getfixturevalue("redis_of")(kind)
            return FakePlace(served) if kind == "fake" else RedisPlace(served)


def encode(body: Any) -> bytes:
    return json.dumps(body).encode()


def decode(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"not JSON: {error}") from error
