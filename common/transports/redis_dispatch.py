"""Dispatches on Redis: each agent has a list of its own, which it takes from as from any other queue."""

from collections.abc import Sequence

from redis import Redis

from common.domain.messages import Order
from common.store.keys import Keys
from common.transports.redis_client import redis_errors


class RedisDispatches:
    """Puts them into `queue:agent:<agentId>`, all in one round trip. Safe to share between threads.

    Any client will do, one that repeats commands too: a message that comes twice is harmless.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys

    def publish(self, orders: Sequence[Order]) -> None:
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for order in orders:
                pipe.lpush(self._keys.agent_queue(order.agent), order.encode())
            pipe.execute()
