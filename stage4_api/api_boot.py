"""ApiBoot: one life of a task-api process. It needs the registry and the managers, and no store of its own."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack

from redis import Redis

from common.clock import SystemClock
from common.domain.errors import Unavailable
from common.domain.ids import Ids
from common.registries.choose import registry_of
from common.service import Host, Service
from common.settings import Settings
from stage4_api.api.server import ApiServer
from stage4_api.manager_service import RemoteService
from stage4_api.managers import Managers

log = logging.getLogger("dts.api")

GROUP = "live-apis"


class ApiBoot:
    """What a task-api has. `client` makes a client of the settings' Redis, for a registry that is there."""

    def __init__(self, settings: Settings, client: Callable[..., Redis]) -> None:
        self._name = settings.api
        self.clock = SystemClock()
        self.ids = Ids(self.clock)
        self.lost = threading.Event()
        """Never set: an API has nothing that it could lose."""
        self._closed = ExitStack()
        self.registry = registry_of(settings, client, self.clock)
        self._closed.callback(self.registry.close)
        managers = Managers(settings, self.registry, self.clock)
        self._closed.callback(managers.close)
        self.service = RemoteService(managers)

    def ready(self) -> str:
        """'' where a manager answers, and has a store that does; else why not."""
        try:
            self.service.counts()
        except Unavailable as error:
            return str(error)
        return ""

    def serve(self, server: ApiServer, *before: Service) -> None:
        """What it does; what stands before the server is started first and stopped last."""
        self._server = server
        self._host = Host([*before, server], self.clock)

    def begin(self, pause: Callable[[float], bool]) -> bool:
        about = {"boot": self.ids.new(), "host": socket.gethostname(), "pid": os.getpid(), "url": self._server.url}
        self.registry.register(GROUP, self._name, about)
        self._host.start()
        log.info("ready: serves at %s", self._server.url, extra={"api": self._name})
        return True

    def end(self) -> None:
        self._host.stop()
        self._closed.close()

    def abandon(self) -> None:
        # In a process of its own its listener would be gone with it.
        self._host.stop()
        self._closed.close()
