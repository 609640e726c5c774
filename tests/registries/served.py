"""A registry as processes come to it: by settings. Its server may be hurt."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count

from kazoo.client import KazooClient

from common.clock import SystemClock
from common.contracts import Registry
from common.registries.choose import registry_of
from common.settings import Settings
from common.transports.redis_client import connect

SESSION = 2.0
SOON = 1.0
"""Seconds beside a session within which all is noticed, and beside nothing what is told at once."""

_numbers = count()


def registry_by(environ: Mapping[str, str]) -> Registry:
    """A handle as a process of dts makes it."""
    settings = Settings.load(environ)
    return registry_of(settings, partial(connect, settings.redis_url), SystemClock())


@dataclass(frozen=True)
class Served:
    """A registry's server, and handles on it, which are closed after the test."""

    settings: Mapping[str, str]
    at_the_end: ExitStack

    def handle(self) -> Registry:
        registry = registry_by(self.settings)
        self.at_the_end.callback(registry.close)
        return registry


@contextmanager
def served(**where: str) -> Iterator[Served]:
    settings = {f"DTS_{name.upper()}": value for name, value in where.items()}
    with ExitStack() as at_the_end:
        yield Served({"DTS_SESSION": str(SESSION), "DTS_REDIS_URL": "redis://127.0.0.1:1/0", **settings}, at_the_end)


@contextmanager
def of_zookeeper(hosts: str, **other: str) -> Iterator[Served]:
    """In a chroot of its own, which is removed afterwards."""
    chroot = f"/registry-{next(_numbers)}"
    with served(zookeeper=hosts + chroot, **other) as found:
        yield found
    with by_hand(hosts) as client:
        client.delete(chroot, recursive=True)


@contextmanager
def by_hand(hosts: str) -> Iterator[KazooClient]:
    """An ordinary client, as an operator's tool is one."""
    client = KazooClient(hosts, timeout=SESSION)
    client.start(timeout=20)
    try:
        yield client
    finally:
        client.stop()
        client.close()
