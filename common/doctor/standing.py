"""What stands still: work that an agent answers for, while no such agent lives.

An agent that comes back takes all of it up again by itself, so a breach counts only if it is still the
same one some seconds later.
"""

from collections.abc import Iterable, Iterator

from redis import Redis

from common.doctor.facts import Facts, Looker
from common.doctor.rules import ENDLESS, HELD, KEPT, LEASES, OVERDUE, Finding
from common.doctor.tasks import BATCH
from common.doctor.walking import members
from common.domain.status import UNDER_WAY
from common.store.keys import Keys
from common.transports.redis_client import redis_errors

GRACE = 5.0
"""Seconds; an agent's own scans come by every two."""
LATE = 10.0
"""Seconds after which a retry that is due and not ready is overdue; it is looked for five times a second."""


class Standing:
    """Looks for it: at tasks under way and retries, and at these agents' leases and consumers' messages.

    Raises Unavailable.
    """

    def __init__(self, redis: Redis, keys: Keys, agents: Iterable[str], consumers: Iterable[str]) -> None:
        self._redis, self._keys, self._looker = redis, keys, Looker(redis, keys)
        self._agents, self._consumers = sorted(agents), sorted(consumers)

    def look(self) -> set[Finding]:
        """All of it, as it is now."""
        return {*self._uncovered(), *self._endless(), *self._held(), *self._overdue()}

    def _uncovered(self) -> Iterator[Finding]:
        for status in sorted(UNDER_WAY):
            for part in members(self._redis, self._keys.index(status), BATCH):
                # Tasks first, leases second: the other way round a lease that was just taken would be missed.
                facts = [one for one in self._looker.look(part) if one.status in UNDER_WAY]
                boots = self._boots({one.fields.agent for one in facts})
                for one in facts:
                    boot = boots[one.fields.agent]
                    if not boot or boot != one.fields.boot:
                        yield _uncovered(one, boot)

    def _boots(self, agents: Iterable[str]) -> dict[str, str]:
        """Which boot holds each agent's lease; '' where none does."""
        names = sorted(agents)
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hget(self._keys.agent(name), "boot")
            answers = pipe.execute(raise_on_error=False)
        return {name: boot if isinstance(boot, str) else "" for name, boot in zip(names, answers, strict=True)}

    def _endless(self) -> Iterator[Finding]:
        leases = [self._keys.agent(agent) for agent in self._agents]
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for lease in leases:
                pipe.ttl(lease)
            answers = pipe.execute()
        for lease, ttl in zip(leases, answers, strict=True):
            if ttl == -1:
                yield Finding(ENDLESS, lease, "has no TTL")

    def _held(self) -> Iterator[Finding]:
        queue, keys = self._keys.tasks_queue, self._keys
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for consumer in self._consumers:
                pipe.hlen(keys.held(queue, consumer))
                pipe.llen(keys.moving(queue, consumer))
                pipe.exists(keys.agent(consumer))
            answers = pipe.execute(raise_on_error=False)
        for at, consumer in enumerate(self._consumers):
            *counts, lives = answers[3 * at : 3 * at + 3]
            count = sum(number for number in counts if isinstance(number, int))
            if count and not lives:
                yield Finding(HELD, keys.held(queue, consumer), f"{count} held for {consumer}, which does not live")

    def _overdue(self) -> Iterator[Finding]:
        with redis_errors():
            now, _ = self._redis.time()
            due_before = (now - LATE) * 1000
            late = self._redis.zrange(self._keys.delayed, "-inf", due_before, byscore=True, offset=0, num=KEPT)
        for task_id in late:
            yield Finding(OVERDUE, str(task_id), f"is due for more than {LATE:g} s, and still in {self._keys.delayed}")


def _uncovered(facts: Facts, boot: str) -> Finding:
    said = facts.fields
    gone = f"lives as another boot, {boot}, and has not taken it back" if boot else "holds no lease"
    return Finding(
        LEASES, facts.task_id, f"agent {said.agent!r} {gone}: {said.status}, attempt {said.attempt}, boot {said.boot!r}"
    )
