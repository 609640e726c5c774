"""HeardInbox: an agent's work as it was told, with a look at the store before anything runs. A look is no gate."""

import logging
from collections.abc import Sequence

from common.contracts import Report
from common.domain.errors import CorruptTask
from common.domain.reports import Finished, Held, unreadable
from common.domain.status import Status
from common.domain.task import Task
from common.failpoints import failpoint
from common.store.reading import TaskReader
from stage2_zk.told import Told

log = logging.getLogger("dts.inbox")

READY = (Status.SCHEDULED, Status.DISPATCHED)


class HeardInbox:
    """Runs what stands in the store as this boot's, and what it is to run is read there too: a message is not believed.

    Between the look and the start the task may be taken away, and nobody tells: that is what a gate is for (stage 4).
    `take` is called from one thread.
    """

    def __init__(self, told: Told, store: TaskReader, report: Report, agent: str, boot: str) -> None:
        self._told, self._store, self._report = told, store, report
        self._agent, self._boot = agent, boot

    def take(self, limit: int, timeout: float) -> Sequence[Task]:
        asked = self._told.take(limit, timeout)
        if not asked:
            return []
        try:
            found = self._store.each([task_id for task_id, _ in asked])
            failpoint("C10")
        except Exception:
            self._told.again()
            raise
        granted, spoilt = [], []
        for (task_id, attempt), task in zip(asked, found, strict=True):
            own = Held(task_id, attempt, self._agent, self._boot)
            if isinstance(task, CorruptTask):
                spoilt.append(_given_up(own, task))
            elif task and task.status in READY and _owner(task) == own:
                granted.append(task)
            else:
                status = task.status if task else "gone"
                log.info("not started: it is %s", status, extra={"task_id": task_id, "attempt": attempt})
        # Also what is not run: it is dealt with, and its copies need not be looked at.
        self._told.settle(attempt for attempt in asked)
        if spoilt:
            self._report.finished(spoilt)
        return granted


def _owner(task: Task) -> Held:
    return Held(task.task_id, task.attempt, task.agent, task.boot)


def _given_up(own: Held, error: CorruptTask) -> Finished:
    log.warning("given up: %s", error, extra={"task_id": own.task_id, "attempt": own.attempt})
    return unreadable(own, error)
