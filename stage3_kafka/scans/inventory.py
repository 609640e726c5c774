"""Inventory: what the store says of an agent and what the agent says it holds must come to the same."""

import logging
from collections.abc import Mapping
from typing import TypeVar

from common.clock import Clock
from common.contracts import Dispatches
from common.domain.messages import Beat, Cancel
from common.domain.status import UNDER_WAY, Answer, Status
from common.logs import about
from common.service import Service
from common.store.tasks import TaskStore
from common.store.writing import BATCH
from stage2_zk.tenure import Tenure
from stage3_kafka.pulse import Pulse

log = logging.getLogger("dts.scans")

EVERY = 1.0
"""Seconds between two looks."""
SETTLE = 6.0
"""Seconds for which both must differ: longer than a message may be on its way before its sender gives it up."""
BEATS = 2
"""Heartbeats that must have come meanwhile."""

Attempt = tuple[str, int]
K = TypeVar("K")


class Inventory(Service):
    """RUNNING in the store and not held by its agent: it goes to another. Held and not its own any more: it is ended.

    Only where all is applied that the agent has told: what it holds no more may be on its way.
    """

    name = "inventory"

    def __init__(
        self,
        store: TaskStore,
        dispatches: Dispatches,
        tenure: Tenure,
        pulse: Pulse,
        clock: Clock,
    ) -> None:
        self._store, self._dispatches, self._tenure, self._pulse = store, dispatches, tenure, pulse
        self._clock = clock
        self._missing: dict[tuple[str, str, str], tuple[float, int]] = {}
        """Agent, boot and task id, since when and from which heartbeat on."""
        self._stray: dict[tuple[str, str, Attempt], tuple[float, int]] = {}

    def step(self) -> float:
        beats, now = self._pulse.fresh(), self._clock.monotonic()
        by_store = dict(zip(beats, self._store.held_ids(list(beats)), strict=True))
        missing: dict[tuple[str, str, str], Beat] = {}
        stray: dict[tuple[str, str, Attempt], Beat] = {}
        for agent, beat in beats.items():
            has = {task_id for task_id, _ in beat.held | beat.waiting}
            for task_id in by_store[agent] - has:
                missing[agent, beat.boot, task_id] = beat
            for attempt in beat.held:
                if attempt[0] not in by_store[agent]:
                    stray[agent, beat.boot, attempt] = beat
        lost = [key for key in _settled(self._missing, missing, now) if self._pulse.told_all(missing[key])]
        self._take_back(lost[:BATCH])
        self._end(_settled(self._stray, stray, now)[:BATCH])
        return EVERY

    def _take_back(self, suspects: list[tuple[str, str, str]]) -> None:
        found = self._store.each([task_id for _, _, task_id in suspects]) if suspects else []
        tasks = [
            task
            for (agent, boot, _), task in zip(suspects, found, strict=True)
            # What has not begun is told again, and taken back by another scan.
            if task
            and not isinstance(task, Exception)
            and task.status is Status.RUNNING
            and (task.agent, task.boot) == (agent, boot)
        ]
        answers = self._store.requeue(tasks, "STUCK", self._tenure.by, self._tenure.epoch)
        self._tenure.heed(answer for answer, _ in answers)
        for task, (answer, after) in zip(tasks, answers, strict=True):
            if answer is Answer.OK:
                log.warning(
                    "taken back, %s does not have it: now %s",
                    task.agent,
                    after,
                    extra=about([(task.task_id, task.attempt)], epoch=self._tenure.epoch),
                )

    def _end(self, suspects: list[tuple[str, str, Attempt]]) -> None:
        found = self._store.each([attempt[0] for _, _, attempt in suspects]) if suspects else []
        orders = []
        for (agent, boot, attempt), task in zip(suspects, found, strict=True):
            current = (
                task
                and not isinstance(task, Exception)
                and task.status in UNDER_WAY
                and (task.agent, task.boot, task.attempt) == (agent, boot, attempt[1])
            )
            if not current:
                orders.append(Cancel(agent, boot, [attempt]))
                log.warning(
                    "%s runs what is not its own any more: it is ended",
                    agent,
                    extra=about([attempt], epoch=self._tenure.epoch),
                )
        if orders:
            self._dispatches.publish(orders)


def _settled(known: dict[K, tuple[float, int]], found: Mapping[K, Beat], now: float) -> list[K]:
    """Which of what is so now has been so for long enough; `known` is brought up to date."""
    for gone in set(known) - set(found):
        del known[gone]
    for key, beat in found.items():
        known.setdefault(key, (now, beat.number))
    return [
        key for key, beat in found.items() if now - known[key][0] >= SETTLE and beat.number >= known[key][1] + BEATS
    ]
