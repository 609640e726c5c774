"""What is done to a running system on purpose: who is hit, how, for how long; and how each of it is healed."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis import Redis

from common.lab.aliases import LEADER
from common.lab.cluster import Cluster
from common.lab.errors import LabError, NoSuchMember, StartFailed
from common.lab.faults import FAULTS
from common.lab.until import until

SERVERS = ("redis", "zookeeper", "kafka")
AT_ONCE, FOR_LONG = (0.3, 1.5), (1.2, 2.5)
"""How long a fault lasts: so many seconds, and so many times T."""
WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault: whom it hits, and how."""

    role: str
    """A role, `leader`, or a server."""
    verb: str
    """kill, freeze or stop."""

    def __str__(self) -> str:
        return f"{self.role} {FAULTS[self.verb].done}"


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault that was done, and healed; moments are seconds since 1970."""

    kind: Kind
    member: str
    begun: float
    healed: float


def kinds(cluster: Cluster) -> list[Kind]:
    """All that can be done to this system."""
    roles = [member.role for member in cluster.members()]
    hit = [LEADER, *(role for role in dict.fromkeys(roles) if role != "scheduler")]
    return [Kind(role, verb) for role in hit for verb in ("kill", "freeze", "stop")]


class Faults:
    """Does them to one cluster, one at a time. `lease` is T."""

    def __init__(self, cluster: Cluster, redis: Redis, rng: random.Random, lease: float) -> None:
        self._cluster, self._redis, self._rng, self._lease = cluster, redis, rng, lease
        self.write_through()

    def strike(self, kind: Kind) -> Blow:
        """Hit somebody, wait, heal it, and say when that was."""
        member = self._whom(kind)
        begun = time.time()
        self._cluster.fault(kind.verb, member)
        self._passed(self._how_long(kind))
        self.heal(member)
        return Blow(kind, member, begun, time.time())

    def heal(self, name: str) -> None:
        """Whoever is frozen goes on, whoever is gone starts again, with what it had."""
        state = self._cluster.member(name).state
        if state == "frozen":
            # Its fence may end it just now, and start it anew.
            with suppress(LabError):
                self._cluster.fault("thaw", name)
        elif state in ("dead", "stopped"):
            self._start(name)
        if name == "redis":
            self.write_through()

    def heal_all(self) -> None:
        """Servers first."""
        for member in self._cluster.members():
            self.heal(member.name)

    def write_through(self) -> None:
        """Let Redis write at once what it answers, or a kill of it might lose what was promised of a durable one."""

        def told() -> bool:
            return bool(self._redis.config_set("appendfsync", "always"))

        until(lambda: _done(told), WITHIN, every=0.05, what="Redis to answer again")

    def _whom(self, kind: Kind) -> str:
        if kind.role == LEADER:
            with suppress(NoSuchMember):
                return self._cluster.meant(LEADER)
        role = "scheduler" if kind.role == LEADER else kind.role
        return self._rng.choice([one.name for one in self._cluster.members() if one.role == role])

    def _how_long(self, kind: Kind) -> float:
        if kind.verb == "freeze":
            shortest, longest = (times * self._lease for times in FOR_LONG)
        else:
            shortest, longest = AT_ONCE
        return self._rng.uniform(shortest, longest)

    def _start(self, name: str) -> None:
        try:
            self._cluster.start(name)
        except StartFailed:
            # On a busy machine it may take longer than the lab waits; dead it stays only if something is wrong.
            until(lambda: self._cluster.member(name).state == "running", WITHIN, what=f"{name} to run again")

    @staticmethod
    def _passed(seconds: float) -> None:
        over = time.monotonic() + seconds
        until(lambda: time.monotonic() >= over, within=seconds + 10)


class Storm:
    """Strikes for so many seconds, a new fault every so often; each kind comes in turn, in an order by chance."""

    def __init__(self, faults: Faults, rng: random.Random, every: tuple[float, float]) -> None:
        self._faults, self._rng, self._every = faults, rng, every
        self.blows: list[Blow] = []

    def rage(self, wanted: Sequence[Kind], until_then: Callable[[], bool], told: Callable[[str], Any]) -> None:
        """Until it is over. Raises what a fault raises that can't be done."""
        turn = self._turns(wanted)
        while not until_then():
            due = time.monotonic() + self._rng.uniform(*self._every)
            kind = next(turn)
            told(f"{len(self.blows) + 1}: {kind}")
            self.blows.append(self._faults.strike(kind))
            until(lambda: until_then() or time.monotonic() >= due, self._every[1] + 10, every=0.05)  # noqa: B023

    @property
    def windows(self) -> list[tuple[float, float]]:
        """When something was broken."""
        return [(blow.begun, blow.healed) for blow in self.blows]

    def counts(self) -> Mapping[str, int]:
        """How often each kind was done."""
        found: dict[str, int] = {}
        for blow in self.blows:
            found[str(blow.kind)] = found.get(str(blow.kind), 0) + 1
        return found

    def _turns(self, wanted: Sequence[Kind]) -> Iterator[Kind]:
        while True:
            order = list(wanted)
            self._rng.shuffle(order)
            yield from order


def _done(ask: Callable[[], bool]) -> bool:
    from redis.exceptions import RedisError

    try:
        return ask()
    except (RedisError, OSError):
        return False
