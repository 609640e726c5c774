"""Providers in the registry, laid out as Dubbo does: /dts/<service>/providers/<url-encoded address>.

https://cn.dubbo.apache.org/en/docs/v2.7/user/references/registry/zookeeper/
"""

import logging
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

from common.contracts import Info, Registration, Registry

SCHEME = "rpc://"
TASK_MANAGER = "task-manager"
"""The service of task-managers."""

log = logging.getLogger("dts.rpc")


def group_of(service: str) -> str:
    """The registry's group in which a service's providers are."""
    return f"dts/{service}/providers"


def offer(registry: Registry, service: str, address: str, info: Info) -> Registration:
    """Say that `service` is answered at "host:port"; `info` has the `boot` of who answers."""
    return registry.register(group_of(service), quote(f"{SCHEME}{address}", safe=""), info)


def addresses_in(members: Mapping[str, Info]) -> list[str]:
    """Where the providers among these are, in their order; what is no address is left out."""
    urls = sorted(unquote(member) for member in members)
    return [url.removeprefix(SCHEME) for url in urls if url.startswith(SCHEME) and ":" in url.removeprefix(SCHEME)]


class Providers:
    """Where a service is answered, as the registry told last. Safe to use from many threads; never blocks.

    A registry that is away, or that tells of nobody, does not unmake what it told before: who answers, answers.
    """

    def __init__(self, registry: Registry, service: str) -> None:
        self._service = service
        self._addresses: Sequence[str] = ()
        self._told = False
        self._watching = registry.watch(group_of(service), self._changed)

    def __call__(self) -> Sequence[str]:
        return self._addresses

    def close(self) -> None:
        self._watching.close()

    def _changed(self, members: Mapping[str, Info]) -> None:
        found = addresses_in(members)
        if found:
            if set(found) != set(self._addresses):
                log.info("%s is answered at %s", self._service, ", ".join(found))
            self._addresses, self._told = found, False
        elif self._addresses and not self._told:
            self._told = True
            log.warning("nobody is registered for %s; those that were are asked on", self._service)
