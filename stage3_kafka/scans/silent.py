"""Silent: an agent that holds its lease and is not heard is of no use to anybody; its boot is ended."""

import logging
from collections.abc import Callable, Sequence

from common.clock import Clock
from common.contracts import Candidate
from common.domain.status import Answer
from common.service import Service
from common.store.tasks import TaskStore
from stage2_zk.tenure import Tenure
from stage3_kafka.pulse import Pulse

log = logging.getLogger("dts.scans")

EVERY = 1.0
"""Seconds between two looks."""
PATIENCE = 15.0
"""Seconds for which an agent may be silent."""


class Silent(Service):
    """Evicts such boots: without its lease an agent ends what it runs and begins anew.

    Nobody is silent while the bus brings nothing at all.
    """

    name = "silent"

    def __init__(
        self,
        store: TaskStore,
        tenure: Tenure,
        pulse: Pulse,
        *,
        agents: Callable[[], Sequence[Candidate]],
        clock: Clock,
    ) -> None:
        self._store, self._tenure, self._pulse = store, tenure, pulse
        self._agents, self._clock = agents, clock
        self._since: dict[tuple[str, str], float] = {}

    def step(self) -> float:
        now = self._clock.monotonic()
        silent = {
            (one.agent, one.boot)
            for one in self._agents()
            if self._pulse.works() and self._pulse.age(one.agent, one.boot) > PATIENCE
        }
        # One that was never heard is counted from when we first looked for it.
        self._since = {place: self._since.get(place, now) for place in silent}
        for agent, boot in [place for place, since in self._since.items() if now - since > PATIENCE]:
            answer = self._store.evict(agent, boot, self._tenure.by, self._tenure.epoch)
            self._tenure.heed([answer])
            if answer is Answer.OK:
                log.warning("%s is evicted: it was not heard for a long time", agent, extra={"boot": boot})
        return EVERY
