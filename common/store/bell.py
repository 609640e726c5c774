"""The bell: rung by whatever makes a task ready, so that whoever gives tasks out need not ask all the time."""

from redis import Redis

from common.store.keys import Keys
from common.transports.redis_client import LONGEST_BLOCK, redis_errors


class Bell:
    """One ear at the bell. `redis` must be a blocking client: what is taken may not be asked for twice."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys

    def wait(self, timeout: float) -> bool:
        """Whether it rang within about `timeout` seconds, two at most. Raises Unavailable."""
        with redis_errors():
            return self._redis.brpop([self._keys.bell], timeout=min(timeout, LONGEST_BLOCK)) is not None
