"""Crashing: an agent that comes back as a new boot again and again gets nothing for a while."""

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from common.clock import Clock
from common.contracts import Candidate
from common.service import Service
from common.store.tasks import TaskStore
from stage2_zk.tenure import Tenure

log = logging.getLogger("dts.scans")

EVERY = 0.5
"""Seconds between two looks."""
BOOTS, WITHIN = 4, 60.0
"""So many new boots within so many seconds are a crash loop."""
REST = 60.0
"""Seconds of quarantine; `dts agent resume` ends it sooner."""


class Crashing(Service):
    """Counts the boots of each agent. One that dies of its tasks, or of its machine, may not take more down with it."""

    name = "crashing"

    def __init__(
        self, store: TaskStore, tenure: Tenure, *, agents: Callable[[], Sequence[Candidate]], clock: Clock
    ) -> None:
        self._store, self._tenure, self._agents, self._clock = store, tenure, agents, clock
        self._boots: dict[str, str] = {}
        self._changes: defaultdict[str, deque[float]] = defaultdict(deque)

    def step(self) -> float:
        now = self._clock.monotonic()
        for one in self._agents():
            if self._boots.setdefault(one.agent, one.boot) != one.boot:
                self._boots[one.agent] = one.boot
                self._note(one.agent, now)
        return EVERY

    def _note(self, agent: str, now: float) -> None:
        changes = self._changes[agent]
        changes.append(now)
        while changes[0] < now - WITHIN:
            changes.popleft()
        if len(changes) >= BOOTS:
            self._store.quarantine(agent, REST, self._tenure.by)
            log.warning("%s gets nothing for %g s: %d new boots within %g s", agent, REST, len(changes), WITHIN)
            changes.clear()
