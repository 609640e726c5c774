"""Heart: tells at a steady beat that the agent works, how loaded it is and what it holds (F-AGT-02)."""

from collections.abc import Callable
from dataclasses import dataclass

from common.clock import Clock
from common.contracts import Bus
from common.domain.messages import Beat
from common.service import Service
from stage1_mvp.runs import Runs
from stage2_zk.told import Told
from stage3_kafka.listener import Listener
from stage3_kafka.load import Load
from stage3_kafka.report import BusReport


@dataclass(frozen=True)
class Condition:
    """How one boot of an agent is."""

    agent: str
    boot: str
    slots: int
    runs: Runs
    told: Told
    report: BusReport
    listener: Listener
    load: Load

    def beat(self, number: int) -> Beat:
        """As it is now."""
        # What is held first, what is told second: what is held no more has been told by then.
        waiting, held, running = self.told.unanswered(), self.runs.keys(), self.runs.executing()
        share = self.load.measure()
        return Beat(
            agent=self.agent,
            boot=self.boot,
            number=number,
            told=self.report.told,
            running=running,
            free=max(0, self.slots - running),
            cpu=share.cpu,
            own=share.own,
            memory=share.memory,
            idle=round(self.told.idle(), 3),
            draining=self.listener.draining.is_set(),
            waiting=frozenset(waiting),
            held=frozenset(held),
        )


class Heart(Service):
    """Beats every `every` seconds, while tasks are drained and while all slots are full too."""

    name = "heart"

    def __init__(self, bus: Bus, condition: Callable[[int], Beat], every: float, clock: Clock) -> None:
        self._bus, self._condition, self._every, self._clock = bus, condition, every, clock
        self._number = 0
        self._next = clock.monotonic()

    def step(self) -> float:
        self._number += 1
        self._bus.beat(self._condition(self._number))
        now = self._clock.monotonic()
        # From beat to beat, not from one's end to the next: however long it took to tell.
        self._next = max(self._next + self._every, now)
        return min(self._every, self._next - now)
