"""Scheduler: stands for the office, and does its duties for as long as it leads, not a moment longer."""

import logging
from collections.abc import Callable, Sequence

from common.clock import Clock
from common.contracts import Closing, Registry, Term
from common.service import Host, Service
from stage2_zk.tenure import Tenure

log = logging.getLogger("dts.scheduler")

OFFICE = "scheduler"
NOTICE_WITHIN = 0.1
"""Seconds within which a leader stops that must not go on."""


class Scheduler:
    """Leads while it is elected; stands by, and does nothing else, while another is.

    `duties` makes the services of one term; none of them outlives it. They may act until the store refuses them:
    every command carries the term's epoch, and the store takes none of an older term than it has seen.
    """

    def __init__(
        self, registry: Registry, name: str, duties: Callable[[Tenure], Sequence[Service]], clock: Clock
    ) -> None:
        self._registry, self._name, self._duties, self._clock = registry, name, duties, clock
        self._campaign: Closing | None = None

    def start(self) -> None:
        """Stand for the office; returns at once."""
        self._campaign = self._registry.campaign(OFFICE, self._name, self._lead)

    def stop(self) -> None:
        """Stop leading or standing by; the office is given up when this returns."""
        if self._campaign:
            self._campaign.close()

    def _lead(self, term: Term) -> None:
        tenure = Tenure(self._name, term.epoch)
        said = {"scheduler": self._name, "epoch": term.epoch}
        log.info("leading", extra=said)
        host = Host(self._duties(tenure), self._clock)
        host.start()
        while not (tenure.over.is_set() or self._clock.wait(term.lost, NOTICE_WITHIN)):
            pass
        # All loops at once, for another may lead already; then what they hold open is closed.
        host.abandon()
        host.stop()
        log.info("stepped down: %s", tenure.why or "the term is over", extra=said)
