"""Scans: what the store says should happen, done again and again until it does. Queues are never trusted."""

import logging
import os
import threading

from common.domain.result import Reason
from common.domain.status import Answer
from common.executors.environment import mark_of
from common.executors.leftovers import kill_marked
from common.service import Service
from common.store.tasks import TaskStore
from common.store.writing import BATCH

log = logging.getLogger("dts.scans")


class Recover(Service):
    """Takes back what an earlier boot of this agent held: it is gone, and its lease with it.

    `inherited` is set when what that boot had finished, but could not report, is reported.
    """

    name = "recover"

    def __init__(self, store: TaskStore, agent: str, boot: str, inherited: threading.Event) -> None:
        self._store, self._agent, self._boot, self._inherited = store, agent, boot, inherited

    def step(self) -> float:
        if not self._inherited.is_set():
            return 0.05
        left = [task for task in self._store.with_agent(self._agent) if task.boot != self._boot]
        for task in left:
            # Its commands must be gone before another attempt may start.
            kill_marked(mark_of(task), spare=os.getpid())
        answers = self._store.requeue(left, Reason.AGENT_LOST, self._agent)
        for task, (answer, after) in zip(left, answers, strict=True):
            if answer is Answer.OK:
                log.warning(
                    "taken back from an earlier boot: now %s",
                    after,
                    extra={"task_id": task.task_id, "attempt": task.attempt},
                )
        return 2.0


SWEEP_EVERY = 5
"""Steps of Promote between two looks for tasks that stand in no queue: only what was spoilt by hand does."""


class Promote(Service):
    """Makes tasks ready whose wait is over, and finds ready ones that stand in no queue."""

    name = "promote"

    def __init__(self, store: TaskStore, agent: str) -> None:
        self._store, self._agent = store, agent
        self._rank, self._steps = 0, 0

    def step(self) -> float:
        while self._store.promote(self._agent) == BATCH:
            pass
        self._steps += 1
        if self._steps % SWEEP_EVERY == 1:
            self._sweep()
        return 0.2

    def _sweep(self) -> None:
        # A slice of the index each time, so that a million waiting tasks cost no more than a few.
        back, looked = self._store.enqueue(self._agent, self._rank)
        self._rank = self._rank + looked - back if looked == BATCH else 0
        if back:
            log.warning("%d waiting tasks stood in no queue and were put back", back)


class Expire(Service):
    """Ends tasks that have not started by the time that they asked to have started by."""

    name = "expire"

    def __init__(self, store: TaskStore, agent: str) -> None:
        self._store, self._agent = store, agent

    def step(self) -> float:
        ended, looked = self._store.expire(self._agent)
        if ended:
            log.info("%d tasks had not started in time", ended)
        return 0 if looked == BATCH else 0.2


class Purge(Service):
    """Removes final tasks whose retention is over."""

    name = "purge"

    def __init__(self, store: TaskStore, agent: str) -> None:
        self._store, self._agent = store, agent

    def step(self) -> float:
        return 0 if self._store.purge(self._agent) else 10.0
