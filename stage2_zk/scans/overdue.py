"""Overdue: a task that runs long past its time limit is with an agent that can't end it; that agent's boot is ended."""

import logging

from common.domain.status import Answer
from common.logs import about
from common.service import Service
from common.store.tasks import TaskStore
from common.store.writing import BATCH
from stage2_zk.tenure import Tenure

log = logging.getLogger("dts.scans")

EVERY = 1.0
"""Seconds between two looks."""
MARGIN = 30.0
"""Seconds that an agent has beside the limit and the grace."""


class Overdue(Service):
    """Evicts the boots of such tasks. Without a lease an agent ends all that it runs, or its fence does; then its tasks
    are lost like any others, and its next boot starts afresh.
    """

    name = "overdue"

    def __init__(self, store: TaskStore, tenure: Tenure, *, grace: float, margin: float = MARGIN) -> None:
        self._store, self._tenure, self._late = store, tenure, grace + margin
        self._rank = 0

    def step(self) -> float:
        late, looked = self._store.overdue(self._late, self._rank)
        # A slice of the index each time: many may run for hours, as they were asked to.
        self._rank = self._rank + looked if looked == BATCH else 0
        for agent, boot in sorted({(task.agent, task.boot) for task in late}):
            answer = self._store.evict(agent, boot, self._tenure.by, self._tenure.epoch)
            self._tenure.heed([answer])
            if answer is Answer.OK:
                tasks = [(task.task_id, task.attempt) for task in late if (task.agent, task.boot) == (agent, boot)]
                known = about(tasks, boot=boot, epoch=self._tenure.epoch)
                log.warning("%s is evicted: tasks of it run long past their time limit", agent, extra=known)
        return EVERY
