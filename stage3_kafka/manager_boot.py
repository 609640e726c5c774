"""ManagerBoot: one life of a task-manager process."""

import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import Any

from redis import Redis

from common.clock import SystemClock
from common.domain.ids import Ids
from common.registries.choose import registry_of
from common.service import Host, Service
from common.settings import Settings
from common.store.keys import Keys
from common.store.tasks import TaskStore
from common.store.writing import Limits, Witness
from common.transports.choose import bus_of

log = logging.getLogger("dts.manager")

GROUP = "live-managers"


class ManagerBoot:
    """What a manager has. `client` makes a client of the settings' Redis, as `connect` does."""

    def __init__(self, settings: Settings, client: Callable[..., Redis]) -> None:
        self._settings, self._client = settings, client
        self.clock, self.keys = SystemClock(), Keys(settings.namespace)
        self.ids = Ids(self.clock)
        self.lost = threading.Event()
        """Never set: a manager has nothing that it could lose."""
        self._clients = ExitStack()
        self.bus = bus_of(settings, client, self.ids, settings.manager)
        self._clients.callback(self.bus.close)
        self.registry = registry_of(settings, client, self.clock)
        self._clients.callback(self.registry.close)

    @property
    def rpc_tls(self) -> ssl.SSLContext | None:
        """By what it answers calls; None where that is not set. Raises BadSetting."""
        files = self._settings.tls("rpc")
        return files.server() if files else None

    def connected(self, **options: Any) -> Redis:
        """A client of its own, closed in the end."""
        return self._clients.enter_context(closing(self._client(**options)))

    def store(self, redis: Redis, witness: Witness | None = None) -> TaskStore:
        """The tasks, by that client; `witness` as in TaskStore."""
        known = self._settings
        limits = Limits(known.pending_bound, known.max_lost, retention=known.retention)
        return TaskStore(redis, self.keys, limits, witness=witness)

    def serve(self, services: Sequence[Service]) -> None:
        """What it does."""
        self._host = Host(services, self.clock)

    def begin(self, pause: Callable[[float], bool]) -> bool:
        name = self._settings.manager
        about = {"boot": self.ids.new(), "host": socket.gethostname(), "pid": os.getpid()}
        self.registry.register(GROUP, name, about)
        self._host.start()
        log.info("ready: applies what agents tell", extra={"manager": name})
        return True

    def end(self) -> None:
        self._host.stop()
        self._clients.close()

    def abandon(self) -> None:
        self._host.abandon()
        self._clients.close()
