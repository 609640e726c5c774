"""Ways: the way to each agent is found when it comes, and removed when it is gone for good."""

import logging
from collections.abc import Callable, Sequence

from common.clock import Clock
from common.contracts import Bus, Candidate, Orders
from common.service import Service
from common.store.tasks import TaskStore

log = logging.getLogger("dts.scans")


class Warm(Service):
    """Finds the ways to agents that are new: the first task of each need not wait for that."""

    name = "warm"

    def __init__(self, orders: Orders, *, agents: Callable[[], Sequence[Candidate]]) -> None:
        self._orders, self._agents = orders, agents
        self._known: frozenset[str] = frozenset()

    def step(self) -> float:
        agents = frozenset(one.agent for one in self._agents())
        if agents - self._known:
            self._orders.warm(sorted(agents - self._known))
        self._known = agents
        return 0.1


class Janitor(Service):
    """Removes the destinations of agents that have been neither alive nor leased for `after` seconds."""

    name = "janitor"

    def __init__(
        self, bus: Bus, store: TaskStore, *, agents: Callable[[], Sequence[Candidate]], after: float, clock: Clock
    ) -> None:
        self._bus, self._store, self._agents, self._after, self._clock = bus, store, agents, after, clock
        self._gone: dict[str, float] = {}

    def step(self) -> float:
        there, now = self._bus.destinations(), self._clock.monotonic()
        live = {one.agent for one in self._agents()}
        leases = self._store.leases(there)
        gone = [agent for agent in there if agent not in live and not leases[agent] and not agent.startswith("~")]
        self._gone = {agent: self._gone.get(agent, now) for agent in gone}
        old = [agent for agent, since in self._gone.items() if now - since >= self._after]
        if old:
            self._bus.forget(old)
            log.info("removed the destinations of agents that are gone: %s", ", ".join(old))
        return min(60.0, self._after / 4)
