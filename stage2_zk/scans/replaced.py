"""Replaced: another process of Redis answers than before, so what this term believes of the store may be wrong."""

import logging

from common.service import Service
from common.store.leases import Leases
from stage2_zk.tenure import Tenure

log = logging.getLogger("dts.scans")

EVERY = 1.0
"""Seconds between two looks."""


class Replaced(Service):
    """Ends the term then. The next one, of this scheduler or another, begins with nothing but what the store says.

    Redis was started anew, or a replica took over: tasks may stand where they stood a while ago, with agents and boots
    that this term has seen the last of. What it has noted of them to save work would hide them for ever.
    """

    name = "replaced"

    def __init__(self, leases: Leases, tenure: Tenure) -> None:
        self._leases, self._tenure = leases, tenure
        self._server = ""

    def step(self) -> float:
        server = self._leases.server()
        if self._server and server != self._server:
            log.warning(
                "another Redis answers: it was started anew, or a replica took over, and what it was told last may be "
                "lost; all that stands there is looked at afresh"
            )
            self._tenure.end("another Redis answers")
        self._server = server
        return EVERY
