"""Stuck: what was given to an agent that lives and was not started is told again, then given to another."""

import logging
from collections.abc import Callable, Sequence
from itertools import groupby

from common.contracts import Dispatches
from common.domain.messages import Dispatch
from common.domain.status import Answer, Status
from common.domain.task import Task
from common.logs import about
from common.service import Service
from common.store.granting import Attempt
from common.store.tasks import TaskStore
from common.store.writing import BATCH
from stage2_zk.tenure import Tenure

log = logging.getLogger("dts.scans")

EVERY = 0.5
"""Seconds between two looks."""
TELL_AGAIN = 2.0
"""Seconds after which an agent is told again: the message, or the leader that should have sent it, was lost."""
TAKE_BACK = 10.0
"""Seconds after which it goes to another agent: this one hears nothing, or has no room after all."""
REST = 30.0
"""Seconds of quarantine for an agent that starts nothing."""


class Stuck(Service):
    """Looks at SCHEDULED and DISPATCHED tasks. To tell twice is harmless: the start gate grants each attempt once.

    An agent that starts nothing for `take_back` seconds gets nothing for a while.
    """

    name = "stuck"

    def __init__(
        self,
        store: TaskStore,
        dispatches: Dispatches,
        tenure: Tenure,
        *,
        tell_again: float = TELL_AGAIN,
        take_back: float = TAKE_BACK,
        spare: Callable[[Task], bool] = lambda _: False,
    ) -> None:
        """`spare` says of a task that its agent may have it all the same: then it stays there."""
        self._store, self._dispatches, self._tenure = store, dispatches, tenure
        self._tell_again, self._take_back, self._spare = tell_again, take_back, spare
        self._told: set[tuple[str, int]] = set()
        """DISPATCHED ones that were told again already."""

    def step(self) -> float:
        unsent = self._store.lingering(Status.SCHEDULED, self._tell_again, BATCH)
        silent = self._store.lingering(Status.DISPATCHED, self._tell_again, BATCH)
        again = [task for task in silent if (task.task_id, task.attempt) not in self._told]
        self._tell([*unsent, *again])
        self._told = {(task.task_id, task.attempt) for task in silent}
        late = self._store.lingering(Status.DISPATCHED, self._take_back, BATCH)
        self._give_up([task for task in late if not self._spare(task)])
        return EVERY

    def _tell(self, tasks: Sequence[Task]) -> None:
        if not tasks:
            return
        self._dispatches.publish(
            [
                Dispatch(agent, boot, [(task.task_id, task.attempt) for task in theirs])
                for (agent, boot), theirs in groupby(sorted(tasks, key=_place), key=_place)
            ]
        )
        known = about(((task.task_id, task.attempt) for task in tasks), epoch=self._tenure.epoch)
        log.info("told again: not started within %g s", self._tell_again, extra=known)
        attempts = [Attempt(task.task_id, task.attempt) for task in tasks if task.status is Status.SCHEDULED]
        self._tenure.heed(self._store.dispatched(attempts, self._tenure.by, self._tenure.epoch))

    def _give_up(self, tasks: Sequence[Task]) -> None:
        for agent in sorted({task.agent for task in tasks}):
            if self._idle(agent):
                # It has room and hears nothing: as long as it looks idle it would get everything.
                self._store.quarantine(agent, REST, self._tenure.by)
                log.warning("%s gets nothing for %g s: it does not start what it is given", agent, REST)
        answers = self._store.requeue(tasks, "STUCK", self._tenure.by, self._tenure.epoch)
        self._tenure.heed(answer for answer, _ in answers)
        for task, (answer, after) in zip(tasks, answers, strict=True):
            if answer is Answer.OK:
                log.warning(
                    "not started by %s within %g s: now %s",
                    task.agent,
                    self._take_back,
                    after,
                    extra=about([(task.task_id, task.attempt)], epoch=self._tenure.epoch),
                )

    def _idle(self, agent: str) -> bool:
        """Whether it runs less than it might; one whose slots are taken by long tasks does what it can."""
        running = sum(task.status is Status.RUNNING for task in self._store.with_agent(agent))
        return running < int(self._store.leases([agent])[agent].get("slots") or 0)


def _place(task: Task) -> tuple[str, str]:
    return task.agent, task.boot
