"""Inherit: what earlier boots of this agent left on this machine is ended and reported, once, before all else."""

import threading

from common.contracts import Report
from common.service import Service
from stage1_mvp.spool import Spool
from stage1_mvp.workplace import Workplace


class Inherit(Service):
    """Ends what they left running, removes their directories, and reports the ends that they could not.

    `done` is set when that is so: from then on others may take back what those boots held.
    """

    name = "inherit"

    def __init__(self, workplace: Workplace, spool: Spool, report: Report) -> None:
        self._workplace, self._spool, self._report = workplace, spool, report
        self.done = threading.Event()

    def step(self) -> float:
        if not self.done.is_set():
            self._workplace.clear()
            self._spool.replay(self._report)
            self.done.set()
        return 60.0
