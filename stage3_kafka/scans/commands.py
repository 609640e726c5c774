"""Commands: cancels and drains reach agents by the bus, again and again until they are done."""

from itertools import groupby

from common.clock import Clock
from common.contracts import Dispatches
from common.domain.messages import Cancel, Drain, Order
from common.domain.task import Task
from common.service import Service
from common.store.tasks import TaskStore
from common.store.writing import BATCH
from stage3_kafka.pulse import Pulse

EVERY = 0.1
"""Seconds between two looks."""
DRAINS_EVERY = 0.5
"""The same for who was told to take nothing new: that hurries less than a cancel."""
AGAIN = 1.0
"""Seconds after which one is told again: the message, or the agent that should have heeded it, was lost."""


class Commands(Service):
    """Whatever somebody asked for stands in the store; this only tells. To tell twice is harmless."""

    name = "commands"

    def __init__(self, store: TaskStore, dispatches: Dispatches, pulse: Pulse, clock: Clock) -> None:
        self._store, self._dispatches, self._pulse, self._clock = store, dispatches, pulse, clock
        self._told: dict[tuple[str, int] | str, float] = {}
        self._drains_at = 0.0

    def step(self) -> float:
        now = self._clock.monotonic()
        orders = [*self._cancels(now), *self._drains(now)]
        if orders:
            self._dispatches.publish(orders)
        self._told = {what: at for what, at in self._told.items() if now < at + AGAIN}
        return EVERY

    def _cancels(self, now: float) -> list[Order]:
        due = [task for task in self._store.cancelling(BATCH) if self._due((task.task_id, task.attempt), now)]
        return [
            Cancel(agent, boot, [(task.task_id, task.attempt) for task in theirs])
            for (agent, boot), theirs in groupby(sorted(due, key=_place), key=_place)
        ]

    def _drains(self, now: float) -> list[Order]:
        if now < self._drains_at:
            return []
        self._drains_at = now + DRAINS_EVERY
        shut = self._store.shut()
        return [
            Drain(agent, beat.boot)
            for agent, beat in self._pulse.fresh().items()
            if shut.get(agent) == "drained" and (beat.waiting or not beat.draining) and self._due(agent, now)
        ]

    def _due(self, what: tuple[str, int] | str, now: float) -> bool:
        if now < self._told.get(what, -AGAIN) + AGAIN:
            return False
        self._told[what] = now
        return True


def _place(task: Task) -> tuple[str, str]:
    return task.agent, task.boot
