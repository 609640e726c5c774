"""Live: which agents may be given work, by the registry and by their leases."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from common.clock import Clock
from common.contracts import Candidate, Closing, Info, Registry
from common.service import Service

log = logging.getLogger("dts.live")

GROUP = "live-agents"
LOOK_EVERY = 1.0
"""Seconds between two looks at the leases, unless the registry says sooner that something changed."""
LISTEN = 0.2
"""Seconds that one step waits, so that the end of a term is seen soon."""
SWEEP_EVERY = 5.0
"""Seconds between two looks at the registry itself: a watch may miss a change, and nothing tells that it did."""

Leases = Callable[[Iterable[str]], Mapping[str, Mapping[str, str]]]
"""What the lease of each of these agents says; empty where it is over (TaskReader.leases)."""


class Live(Service):
    """Keeps the list of live agents: registered, and holding their leases as the boot that registered.

    By watch, so that a change is seen at once, and by sweep, so that one that was missed is seen all the same.
    `agents` may be called from many threads.
    """

    name = "live"

    def __init__(self, registry: Registry, leases: Leases, clock: Clock) -> None:
        self._registry, self._leases, self._clock = registry, leases, clock
        self._changed = threading.Event()
        self._registered: Mapping[str, Info] = {}
        self._agents: Sequence[Candidate] = ()
        self._watch: Closing | None = None
        self._look_at = self._sweep_at = 0.0
        self._unreadable: set[str] = set()

    def agents(self) -> Sequence[Candidate]:
        """Those of the last look; the same list until there is another one."""
        return self._agents

    def step(self) -> float:
        if self._watch is None:
            self._watch = self._registry.watch(GROUP, self._note)
        changed = self._clock.wait(self._changed, LISTEN)
        if not changed and self._clock.monotonic() < self._look_at:
            return 0
        self._changed.clear()
        self._look_at = self._clock.monotonic() + LOOK_EVERY
        if self._clock.monotonic() >= self._sweep_at:
            self._registered = self._registry.members(GROUP)
            self._sweep_at = self._clock.monotonic() + SWEEP_EVERY
        self._look()
        return 0

    def close(self) -> None:
        if self._watch:
            self._watch.close()

    def _note(self, members: Mapping[str, Info]) -> None:
        self._registered = members
        self._changed.set()

    def _look(self) -> None:
        registered = [agent for name, info in self._registered.items() if (agent := self._read(name, info))]
        leases = self._leases([agent.agent for agent in registered])
        self._agents = [agent for agent in registered if leases[agent.agent].get("boot") == agent.boot]

    def _read(self, name: str, info: Info) -> Candidate | None:
        """None where the info is not what an agent writes; that is said once for each agent."""
        try:
            agent = _candidate(name, info)
        except (KeyError, TypeError, ValueError) as error:
            if name not in self._unreadable:
                log.warning("left out: what agent %r registered can't be read: %r", name, error)
            self._unreadable.add(name)
            return None
        self._unreadable.discard(name)
        return agent


def _candidate(name: str, info: Info) -> Candidate:
    """Raises KeyError, TypeError or ValueError where it says something else than an agent does."""
    weight, slots = float(info.get("weight", 1)), int(info["slots"])
    if not (0 < weight < float("inf") and slots > 0):
        raise ValueError(f"slots {slots}, weight {weight}")
    labels = {str(label): str(value) for label, value in dict(info.get("labels", {})).items()}
    return Candidate(name, str(info["boot"]), slots, weight, labels, frozenset(map(str, info.get("types", ()))))
