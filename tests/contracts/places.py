"""Where registries are kept, as the contract suite sees it: handles on one place, each of which can be cut off."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from itertools import count
from typing import Any, Protocol

from kazoo.client import KazooClient
from redis import Redis
from redis.exceptions import ConnectionError as NoConnection

from common.clock import SystemClock
from common.contracts import Registry
from common.lab.cable import Cable
from common.lab.servers.redis import redis_url
from common.registries.memory import MemoryBroker, MemoryRegistry
from common.registries.redis_lease import RedisLeaseRegistry
from common.registries.zookeeper import ZooKeeperRegistry
from common.store.keys import Keys
from common.transports.redis_client import connect
from tests.servers import FakeAt, ServerAt

SESSION = 1.0
"""Seconds; what ZooKeeper grants at least."""
GONE = 2 * SESSION + 2
"""Seconds within which what fell silent is gone: ZooKeeper looks twice a second, and the machine may be busy."""

Cut = Callable[[bool], None]


class Place(Protocol):
    """One registry's server."""

    def handle(self) -> Registry:
        """A new handle; closed after the test."""
        ...

    def cut(self, handle: Registry) -> None:
        """Nothing comes through between this handle and the server, and neither is told."""
        ...

    def mend(self, handle: Registry) -> None: ...


class _Handles:
    def __init__(self) -> None:
        self._cuts: dict[int, Cut] = {}
        self.at_the_end = ExitStack()

    def keep(self, registry: Registry, cut: Cut) -> Registry:
        self._cuts[id(registry)] = cut
        self.at_the_end.callback(registry.close)
        return registry

    def cut(self, handle: Registry) -> None:
        self._cuts[id(handle)](True)

    def mend(self, handle: Registry) -> None:
        self._cuts[id(handle)](False)


class MemoryPlace(_Handles):
    def __init__(self) -> None:
        super().__init__()
        self._broker = MemoryBroker()

    def handle(self) -> Registry:
        registry = MemoryRegistry(self._broker, SESSION)
        return self.keep(registry, lambda off: setattr(registry, "cut_off", off))


class FakePlace(_Handles):
    def __init__(self, fake: FakeAt) -> None:
        super().__init__()
        self._fake = fake

    def handle(self) -> Registry:
        redis, cut = self._fake.client(), _Switch()
        ask = redis.execute_command
        redis.execute_command = lambda *args, **options: cut.asked(ask, *args, **options)  # type: ignore[method-assign]
        return self.keep(lease_registry(redis), cut.turn)


class _Switch:
    off = False

    def turn(self, off: bool) -> None:
        self.off = off

    def asked(self, ask: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if self.off:
            raise NoConnection("cut off")
        return ask(*args, **options)


class RedisPlace(_Handles):
    def __init__(self, server: ServerAt) -> None:
        super().__init__()
        self._server = server

    def handle(self) -> Registry:
        way = self.at_the_end.enter_context(closing(Cable(self._server.port)))
        redis = connect(redis_url(way.port), repeats=1, answer_within=0.2)
        return self.keep(lease_registry(redis), lambda off: way.cut() if off else way.mend())


def lease_registry(redis: Redis) -> Registry:
    return RedisLeaseRegistry(redis, Keys(), SESSION, SystemClock())


class ZooKeeperPlace(_Handles):
    """Each in a chroot of its own."""

    _numbers = count()

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port, self._chroot = port, f"/contract-{next(self._numbers)}"
        self.at_the_end.callback(self._remove)

    def handle(self) -> Registry:
        way = self.at_the_end.enter_context(closing(Cable(self._port)))
        registry = ZooKeeperRegistry(f"127.0.0.1:{way.port}{self._chroot}", SESSION, SystemClock())
        return self.keep(registry, lambda off: way.cut() if off else way.mend())

    def _remove(self) -> None:
        client = KazooClient(f"127.0.0.1:{self._port}")
        client.start()
        client.delete(self._chroot, recursive=True)
        client.stop()
        client.close()
