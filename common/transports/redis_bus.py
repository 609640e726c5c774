"""The bus on Redis lists: for where pip is all there is."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import TypeVar

from redis import Redis

from common.contracts import Beats, Inlet, Message, Orders, Queue, Traffic
from common.domain.errors import BadMessage
from common.domain.ids import Ids
from common.domain.messages import Beat, LogUpdate, Order, StatusUpdate, decode_order
from common.store.keys import Keys
from common.store.scripts import Scripts
from common.transports.redis_client import redis_errors
from common.transports.redis_dispatch import RedisDispatches
from common.transports.redis_list import RedisListQueue

T = TypeVar("T")

MANAGERS = "managers"
"""The one consumer of what agents tell, whichever manager it is."""


class RedisBus:
    """`client` makes clients, with the options of `connect`; a manager silent for `session` seconds is relieved."""

    def __init__(self, client: Callable[..., Redis], keys: Keys, ids: Ids, session: float) -> None:
        self._client, self._keys, self._ids, self._session = client, keys, ids, session
        self._clients = ExitStack()
        self._redis = self._connected()

    def orders(self) -> Orders:
        return RedisOrders(self._redis, self._keys)

    def inbox(self, agent: str) -> Inlet[Order]:
        return self._queue(self._keys.agent_queue(agent), agent, Order.encode, decode_order)

    def status(self, manager: str = "") -> Queue[StatusUpdate]:
        return self._shared(self._keys.status_queue, manager, StatusUpdate.encode, StatusUpdate.decode)

    def logs(self, manager: str = "") -> Queue[LogUpdate]:
        return self._shared(self._keys.logs_queue, manager, LogUpdate.encode, LogUpdate.decode)

    def beat(self, beat: Beat) -> None:
        with redis_errors():
            self._redis.hset(self._keys.heartbeats, beat.agent, beat.encode())

    def beats(self) -> Beats:
        return RedisBeats(self._redis, self._keys)

    def destinations(self) -> Sequence[str]:
        with redis_errors():
            return sorted(map(str, self._redis.hkeys(self._keys.heartbeats)))

    def forget(self, agents: Sequence[str]) -> None:
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for agent in agents:
                queue = self._keys.agent_queue(agent)
                pipe.hdel(self._keys.heartbeats, agent)
                pipe.hdel(self._keys.applied, agent)
                pipe.delete(queue, self._keys.moving(queue, agent), self._keys.held(queue, agent))
            pipe.execute()

    def traffic(self) -> Sequence[Traffic]:
        queues = (self._keys.status_queue, self._keys.logs_queue)
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.llen(queue)
                pipe.llen(self._keys.moving(queue, MANAGERS))
                pipe.hlen(self._keys.held(queue, MANAGERS))
                pipe.llen(self._keys.dead_letters(queue))
            found = pipe.execute()
        seen = []
        for queue, (waiting, moving, held, dead) in zip(queues, zip(*[iter(found)] * 4, strict=True), strict=True):
            seen.append(Traffic(queue, waiting + moving + held))
            if dead:
                seen.append(Traffic(self._keys.dead_letters(queue), dead))
        return seen

    def close(self) -> None:
        self._clients.close()

    def _shared(
        self, name: str, manager: str, encode: Callable[[T], str | bytes], decode: Callable[[bytes], T]
    ) -> Queue[T]:
        queue = self._queue(name, MANAGERS, encode, decode)
        if not manager:
            return queue
        return SoleReader(queue, Scripts(self._redis, self._keys), self._keys.reader(name), manager, self._session)

    def _queue(
        self, name: str, consumer: str, encode: Callable[[T], str | bytes], decode: Callable[[bytes], T]
    ) -> RedisListQueue[T]:
        client = self._connected(blocking=True)
        return RedisListQueue(client, self._keys, name, consumer, ids=self._ids, encode=encode, decode=decode)

    def _connected(self, **options: bool) -> Redis:
        return self._clients.enter_context(closing(self._client(**options)))


class RedisOrders(RedisDispatches):
    """Orders for agents on their lists."""

    def warm(self, agents: Sequence[str]) -> None:
        """A list needs no warming."""


class SoleReader(Queue[T]):
    """A list has no groups whose members share it: one manager reads it at a time, and the next when that falls silent.

    What the former one had taken comes again. While it only sleeps, both may apply the same: the store refuses repeats.
    """

    def __init__(self, queue: Queue[T], scripts: Scripts, key: str, manager: str, session: float) -> None:
        self._queue, self._scripts, self._key = queue, scripts, key
        self._manager, self._session = manager, session

    def put(self, bodies: Iterable[T]) -> None:
        self._queue.put(bodies)

    def take(self, limit: int, timeout: float) -> Sequence[Message[T]]:
        if not self._reads():
            threading.Event().wait(min(timeout, self._session / 10))
            return []
        return self._queue.take(limit, timeout)

    def ack(self) -> None:
        self._queue.ack()

    def reject(self, message: Message[T], reason: str) -> None:
        self._queue.reject(message, reason)

    def close(self) -> None:
        self._scripts.call("read", self._manager, [self._key], [0])
        self._queue.close()

    def _reads(self) -> bool:
        return bool(self._scripts.call("read", self._manager, [self._key], [int(self._session * 1000)]))


class RedisBeats:
    """Newest heartbeats out of their hash; how old one is counts from when it was first seen here."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys
        self._seen: dict[str, tuple[Beat, float]] = {}

    def look(self, timeout: float) -> Mapping[str, tuple[Beat, float]]:
        with redis_errors():
            found = self._redis.hgetall(self._keys.heartbeats)
        now = time.monotonic()
        for agent, text in found.items():
            try:
                beat = Beat.decode(str(text).encode(errors="surrogateescape"))
            except BadMessage:
                # Somebody else wrote there; the agent's next one stands in its place.
                continue
            known = self._seen.get(str(agent))
            if known is None or (known[0].boot, known[0].number) != (beat.boot, beat.number):
                self._seen[str(agent)] = (beat, now)
        return {agent: (beat, now - at) for agent, (beat, at) in self._seen.items() if agent in found}

    def close(self) -> None:
        """Nothing is held open."""
