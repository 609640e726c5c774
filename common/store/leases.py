"""Leases: an agent's proof, for a bounded time, that it alone may run tasks under its id."""

from collections.abc import Mapping

from redis import Redis
from redis.exceptions import ResponseError

from common.domain.status import Answer
from common.store.keys import Keys
from common.store.scripts import Scripts
from common.transports.redis_client import redis_errors


class Leases:
    """Takes, renews and gives back the leases of agents. Safe to share between threads; raises Unavailable."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys
        self._scripts = Scripts(redis, keys)

    def take(self, agent: str, boot: str, seconds: float, info: Mapping[str, str | int]) -> bool:
        """Hold the lease if nobody does; True also where this boot holds it already. Never overwrites another's."""
        members = [part for pair in info.items() for part in pair]
        return self._ask("lease", agent, [boot, int(seconds * 1000), "new", *members])

    def renew(self, agent: str, boot: str, seconds: float) -> bool:
        """Hold it for `seconds` more; False where it ran out or is another boot's: what it covered must end."""
        return self._ask("lease", agent, [boot, int(seconds * 1000), "renew"])

    def release(self, agent: str, boot: str) -> None:
        """Give it back at once; another boot's is left alone."""
        self._ask("release", agent, [boot])

    def server(self) -> str:
        """Which process of Redis answers: another one after each start and each failover; '' where it can't tell."""
        try:
            with redis_errors():
                return str(self._redis.info("server").get("run_id", ""))
        except ResponseError:
            return ""

    def _ask(self, script: str, agent: str, args: list[str | int]) -> bool:
        keys = [self._keys.agent(agent), self._keys.known_agents, self._keys.evicted]
        answer = self._scripts.call(script, agent, keys, args)
        return Answer(answer) is not Answer.FENCED
