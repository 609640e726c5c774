"""Listener: hears what is ordered of this boot, whether it has room or not, and never waits for anything else."""

import logging
import threading

from common.contracts import Inlet, Report
from common.domain.messages import Cancel, Dispatch, Drain, Order
from common.domain.reports import Held
from common.failpoints import failpoint
from common.logs import about
from common.service import Service
from stage1_mvp.runs import Runs
from stage2_zk.told import Told

log = logging.getLogger("dts.listener")

MESSAGES = 500
"""Messages that are taken at once; each may tell of many tasks."""
LISTEN = 0.3
"""Seconds that one step listens, so that a stop is seen soon."""
REST = 0.001
"""Seconds that are left to whoever begins with what was heard: to listen on takes as much computing as that."""
BOUND = 20_000
"""Attempts that wait here at most. Credits keep them far below; what is dropped is told again."""


class Listener(Service):
    """Notes what was dispatched, ends what is cancelled, and hands back what waits where the agent is drained.

    `hears` is set once nothing is missed any more that is ordered from then on: before that nobody may see the agent.
    """

    name = "listener"

    def __init__(self, inbox: Inlet[Order], told: Told, runs: Runs, report: Report, own: tuple[str, str]) -> None:
        """`own` says whose it is: agent and boot."""
        self._inbox, self._told, self._runs, self._report = inbox, told, runs, report
        self._agent, self._boot = own
        self.hears, self.draining = threading.Event(), threading.Event()

    def step(self) -> float:
        self._inbox.open()
        self.hears.set()
        messages = self._inbox.take(MESSAGES, LISTEN)
        if messages:
            failpoint("C8")
        for message in messages:
            if message.body.boot == self._boot:
                self._heed(message.body)
        # A message is only a hint: what is lost with this process stands in the store.
        if not messages:
            return 0
        self._inbox.ack()
        return REST

    def close(self) -> None:
        self._inbox.close()

    def hand_back(self) -> None:
        """Return what was not started. Called while the agent stops, and it takes nothing any more."""
        left = self._told.drop()
        if left:
            log.info("handing back %d tasks that were not started", len(left), extra=about(left))
            self._report.returned([Held(*attempt, self._agent, self._boot) for attempt in left])

    def _heed(self, order: Order) -> None:
        match order:
            case Dispatch():
                self.draining.clear()
                if log.isEnabledFor(logging.DEBUG):
                    log.debug("told of", extra=about(order.tasks))
                if len(self._told) < BOUND:
                    self._told.note(order.tasks)
            case Cancel():
                self._told.drop(order.tasks)
                for task_id, attempt in order.tasks:
                    self._runs.cancel(task_id, attempt)
            case Drain():
                self.draining.set()
                self.hand_back()
            case _:
                log.warning("an order that is not understood here: %s", order.kind)
