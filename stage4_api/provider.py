"""Provider: a task-manager is found in the registry for as long as it answers calls."""

import os
import socket

from common.contracts import Registration, Registry
from common.rpc.providers import offer
from common.service import Service


class Provider(Service):
    """Registers `address` for `service`. Started after what answers there, and so closed before it."""

    name = "provider"

    def __init__(self, registry: Registry, service: str, address: str, manager: str, boot: str) -> None:
        self._registry, self._service, self._address = registry, service, address
        self._info = {"boot": boot, "manager": manager, "host": socket.gethostname(), "pid": os.getpid()}
        self._registration: Registration | None = None

    def step(self) -> float:
        if self._registration is None:
            self._registration = offer(self._registry, self._service, self._address, self._info)
        return 1.0

    def close(self) -> None:
        if self._registration:
            self._registration.close()
