"""Tap: the bus as somebody sees it who stands beside it. Looking joins no group and takes nothing away."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from redis import Redis

from common.clock import SystemClock
from common.contracts import Traffic
from common.domain.errors import Unavailable
from common.domain.ids import Ids
from common.domain.messages import Beat
from common.settings import Settings
from common.store.keys import Keys
from common.transports.choose import bus_of
from common.transports.redis_client import redis_errors

if TYPE_CHECKING:
    from common.transports.kafka_client import KafkaLink, Topic

EVERY = 0.25
"""Seconds for which one look is good enough."""
NAME = "onlooker"


class Tap:
    """Stands beside one system's bus. Safe to use from many threads. `client` makes clients, as `connect` does."""

    def __init__(self, settings: Settings, client: Callable[..., Redis]) -> None:
        self._settings, self._client = settings, client
        self._keys = Keys(settings.namespace)
        self._bus = bus_of(settings, client, Ids(SystemClock()), NAME)
        self._beats = self._bus.beats()
        self._lock = threading.Lock()
        self._look_at = 0.0
        self._traffic: Sequence[Traffic] = ()
        self._heard: Mapping[str, Beat] = {}

    def look(self) -> tuple[Sequence[Traffic], Mapping[str, Beat]]:
        """What is on its way, and each agent's newest heartbeat; as it was last where the bus is away."""
        with self._lock:
            if time.monotonic() >= self._look_at:
                try:
                    seen = self._beats.look(0.05)
                    self._heard = {agent: beat for agent, (beat, age) in seen.items() if age < 5 and agent[0] != "~"}
                    self._traffic = self._bus.traffic()
                except Unavailable:
                    self._heard = {}
                self._look_at = time.monotonic() + EVERY
            return self._traffic, self._heard

    def tell(self, raw: Sequence[bytes]) -> None:
        """Send these to the managers, whatever they are. Raises Unavailable."""
        if self._settings.kafka:
            link, status = self._kafka()
            link.make([status])
            link.send([(status.name, None, one, []) for one in raw])
            link.close()
            return
        redis = self._client()
        with redis_errors():
            redis.lpush(self._keys.status_queue, *raw)

    def told(self) -> list[bytes]:
        """All that was told to the managers so far, as far as it is kept: lists keep nothing. Raises Unavailable."""
        if not self._settings.kafka:
            return []
        from common.transports.kafka_queue import Form, KafkaQueue

        link, status = self._kafka()
        # A reader that never settles anything, and whose place is the beginning.
        queue: KafkaQueue[bytes] = KafkaQueue(link, status, f"{NAME}-{time.monotonic_ns()}", Form(_same, _same))
        found: list[bytes] = []
        while messages := queue.take(1000, 0):
            found += [message.body for message in messages]
        queue.close()
        link.close()
        return found

    def close(self) -> None:
        """Let go of the bus."""
        self._beats.close()
        self._bus.close()

    def _kafka(self) -> "tuple[KafkaLink, Topic]":
        from common.transports.kafka_access import kafka_access
        from common.transports.kafka_bus import status_topic
        from common.transports.kafka_client import KafkaLink

        return KafkaLink(self._settings.kafka, NAME, kafka_access(self._settings)), status_topic(
            self._settings.namespace
        )


def _same(raw: bytes) -> bytes:
    return raw
