"""All figures that dts tells, read from the code: what each role registers, before anything happens."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from common.clock import SystemClock
from common.domain.ids import Ids
from common.settings import Settings
from common.store.keys import Keys
from common.store.tasks import TaskStore
from common.transports.redis_bus import RedisBus
from stage1_mvp.runs import Runs
from stage2_zk.told import Told
from stage5_ops.metrics.agent import AgentFigures
from stage5_ops.metrics.api import RequestFigures
from stage5_ops.metrics.figures import LogFigures, figures
from stage5_ops.metrics.manager import CallFigures, MeteredQueue, Survey
from stage5_ops.metrics.scheduler import LeaderFigures
from stage5_ops.metrics.store import StoreFigures, TaskTimes
from tests.servers import FakeAt


@dataclass(frozen=True, slots=True)
class Known:
    """One figure: its name on the wire, what kind it is, by what it is split, who tells it, and what it means."""

    name: str
    kind: str
    labels: tuple[str, ...]
    roles: tuple[str, ...]
    about: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names that Prometheus keeps of it."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


def known() -> list[Known]:
    """Each once, by its name; those that the client library tells of a process itself too."""
    found: dict[str, Known] = {}
    for role, own in _registries().items():
        for family in own.collect():
            name = f"{family.name}{ {'counter': '_total', 'info': '_info'}.get(family.type, '') }"
            before = found[name].roles if name in found else ()
            about = family.documentation
            found[name] = Known(name, family.type, _labels(own, family.name), (*before, role), about)
    return [found[name] for name in sorted(found)]


def _registries() -> Mapping[str, CollectorRegistry]:
    own = {role: figures(role, f"{role}-1") for role in ("agent", "api", "manager", "scheduler")}
    settings, clock, redis, keys = Settings.load({}), SystemClock(), FakeAt(), Keys()
    store, bus = TaskStore(redis.client(), keys), RedisBus(redis.client, keys, Ids(clock), 10)
    for registry in own.values():
        LogFigures(registry)
    AgentFigures(own["agent"], clock, Runs(), Told(), settings)
    RequestFigures(own["api"])
    LeaderFigures(own["scheduler"])
    StoreFigures(own["scheduler"])
    TaskTimes(own["manager"], StoreFigures(own["manager"]))
    CallFigures(own["manager"])
    Survey(own["manager"], store, bus, clock)
    MeteredQueue(bus.status("manager-1"), own["manager"])
    return own


def _labels(own: CollectorRegistry, family: str) -> tuple[str, ...]:
    """By what it is split, which it does not tell before something happened."""
    collectors = {name: one for one, names in own._collector_to_names.items() for name in names}
    return tuple(getattr(collectors.get(family), "_labelnames", ()))
