"""LeaderFigures: whether this scheduler leads, in which term, and over how many agents."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from common.contracts import Candidate
from common.service import Service
from stage2_zk.tenure import Tenure


class LeaderFigures:
    """Those of one scheduler, through all its terms."""

    def __init__(self, own: CollectorRegistry) -> None:
        self.leading = Gauge("dts_scheduler_leading", "1 while this scheduler leads, else 0.", registry=own)
        self.epoch = Gauge("dts_scheduler_epoch", "The number of its last term; 0 before the first.", registry=own)
        self.terms = Counter("dts_scheduler_terms", "Terms that it has begun.", registry=own)
        self.agents = Gauge("dts_scheduler_agents", "Live agents, as the leader sees them.", registry=own)
        self.slots = Gauge("dts_scheduler_slots", "Slots of all live agents together.", registry=own)

    def reign(self, tenure: Tenure, agents: Callable[[], Sequence[Candidate]]) -> Service:
        """Tells of one term for as long as it lasts; one of its duties."""
        return _Reign(self, tenure, agents)


class _Reign(Service):
    name = "reign"

    def __init__(self, seen: LeaderFigures, tenure: Tenure, agents: Callable[[], Sequence[Candidate]]) -> None:
        self._seen, self._agents = seen, agents
        seen.epoch.set(tenure.epoch)
        seen.terms.inc()
        seen.leading.set(1)

    def step(self) -> float:
        live = self._agents()
        self._seen.agents.set(len(live))
        self._seen.slots.set(sum(agent.slots for agent in live))
        return 0.5

    def close(self) -> None:
        for gauge in (self._seen.leading, self._seen.agents, self._seen.slots):
            gauge.set(0)
