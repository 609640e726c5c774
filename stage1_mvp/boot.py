"""Boot: one life of an agent, from taking its lease until it is given back."""

import logging
import threading
from collections.abc import Callable

from common.service import Host
from stage1_mvp.equipment import Equipment
from stage1_mvp.lease import LeaseKeeper

log = logging.getLogger("dts.agent")


class Boot:
    """One life of the agent, wired; `lost` is set when its lease can't be proved any more."""

    def __init__(self, own: Equipment, lease: LeaseKeeper, host: Host, ready: str) -> None:
        self._own, self._lease, self._ready = own, lease, ready
        self.host = host
        self.lost: threading.Event = own.lost

    def begin(self, pause: Callable[[float], bool]) -> bool:
        """Take the lease, then start all; raises DuplicateAgent."""
        if not self._lease.acquire(pause):
            return False
        self._own.enclosures.open()
        self._own.workplace.open(self._own.enclosures.bases)
        self.host.start()
        log.info("ready: %s", self._ready, extra={"agent": self._own.agent, "boot": self._own.boot})
        return True

    def end(self) -> None:
        """Stop all in order, the lease last."""
        self.host.stop()
        self._own.enclosures.close()
        self._own.workplace.remove()
        self._own.clients.close()

    def abandon(self) -> None:
        self.host.abandon()
        self._own.workplace.leave()
        self._own.clients.close()
