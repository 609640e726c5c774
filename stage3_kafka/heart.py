"""Heart: tells at a steady beat that the agent works, how loaded it is and what it holds (F-AGT-03)."""

import threading
import time

from common.contracts import Bus
from common.domain.messages import Beat
from common.service import Service
from stage1_mvp.runs import Runs
from stage2_zk.told import Told
from stage3_kafka.load import Load
from stage3_kafka.report import BusReport


class Heart(Service):
    """Beats every `every` seconds, while tasks are drained and while all slots are full too."""

    name = "heart"

    def __init__(
        self,
        bus: Bus,
        about: tuple[str, str, int],
        runs: Runs,
        told: Told,
        *,
        report: BusReport,
        draining: threading.Event,
        load: Load,
        every: float,
    ) -> None:
        """`about` says whose it is: agent, boot and slots."""
        self._bus, self._about, self._runs, self._told = bus, about, runs, told
        self._report, self._draining, self._load, self._every = report, draining, load, every
        self._number = 0
        self._next = time.monotonic()

    def step(self) -> float:
        self._number += 1
        self._bus.beat(self._beat())
        now = time.monotonic()
        # From beat to beat, not from one's end to the next: however long it took to tell.
        self._next = max(self._next + self._every, now)
        return min(self._every, self._next - now)

    def _beat(self) -> Beat:
        agent, boot, slots = self._about
        # What is held first, what is told second: what is held no more has been told by then.
        waiting, held, running = self._told.unanswered(), self._runs.keys(), self._runs.executing()
        share = self._load.measure()
        return Beat(
            agent=agent,
            boot=boot,
            number=self._number,
            told=self._report.told,
            running=running,
            free=max(0, slots - running),
            cpu=share.cpu,
            own=share.own,
            memory=share.memory,
            idle=round(self._told.idle(), 3),
            draining=self._draining.is_set(),
            waiting=frozenset(waiting),
            held=frozenset(held),
        )
