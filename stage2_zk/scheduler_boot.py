"""SchedulerBoot: one life of a scheduler process, from when it begins to stand for the office until it is gone."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

from redis import Redis

from common.clock import SystemClock
from common.contracts import Strategy
from common.domain.ids import Ids
from common.registries.choose import registry_of
from common.service import Host, Service
from common.settings import Settings
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.store.writing import Limits, Witness
from common.strategies.lookup import check_strategy, load_strategies
from stage2_zk.scans.replaced import Replaced
from stage2_zk.scheduler import Scheduler
from stage2_zk.tenure import Tenure

log = logging.getLogger("dts.scheduler")

GROUP = "live-schedulers"


class SchedulerBoot:
    """What a scheduler has, whoever leads. `client` makes a client of the settings' Redis, as `connect` does."""

    def __init__(self, settings: Settings, client: Callable[..., Redis]) -> None:
        self._settings, self._client = settings, client
        self.clock, self.keys = SystemClock(), Keys(settings.namespace)
        self.ids = Ids(self.clock)
        self.lost = threading.Event()
        """Never set: a scheduler that has to step down stands again."""
        # What is wrong with it is said now, not when this one leads.
        check_strategy(settings.strategy, self.strategies())
        self._clients = ExitStack()
        self.registry = registry_of(settings, client, self.clock)
        self._clients.callback(self.registry.close)

    def connected(self, **options: Any) -> Redis:
        """A client of its own, closed in the end."""
        return self._clients.enter_context(closing(self._client(**options)))

    def closing(self, close: Callable[[], None]) -> None:
        """Have something else closed in the end."""
        self._clients.callback(close)

    def store(self, redis: Redis, witness: Witness | None = None) -> TaskStore:
        """The tasks, by that client; `witness` as in TaskStore."""
        known = self._settings
        limits = Limits(known.pending_bound, known.max_lost, retention=known.retention)
        return TaskStore(redis, self.keys, limits, witness=witness)

    def strategies(self) -> Mapping[str, Strategy]:
        """All strategies by name, each new: what one remembers is of one term."""
        return load_strategies(self._settings.strategies)

    def serve(self, duties: Callable[[Tenure], Sequence[Service]], always: Sequence[Service] = ()) -> None:
        """`duties` makes what is done in one term; `always` is done whoever leads."""
        leases = Leases(self.connected(), self.keys)

        def all_duties(tenure: Tenure) -> Sequence[Service]:
            return [Replaced(leases, tenure), *duties(tenure)]

        self._scheduler = Scheduler(self.registry, self._settings.scheduler, all_duties, self.clock)
        self._host = Host(always, self.clock)

    def begin(self, pause: Callable[[float], bool]) -> bool:
        name = self._settings.scheduler
        about = {"boot": self.ids.new(), "host": socket.gethostname(), "pid": os.getpid()}
        self.registry.register(GROUP, name, about)
        self._host.start()
        self._scheduler.start()
        log.info("ready: stands for election", extra={"scheduler": name})
        return True

    def end(self) -> None:
        self._scheduler.stop()
        self._host.stop()
        self._clients.close()

    def abandon(self) -> None:
        # Whoever calls this has cut the lines: nothing can be given up any more, and so nothing is.
        self.end()
