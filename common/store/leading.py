"""Leading: what the leader decides, fenced by its epoch; and which agents get nothing, which others may say too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.domain.status import Answer
from common.domain.task import Task
from common.store.codec import BRIEF, brief_of
from common.store.granting import Attempt
from common.store.writing import BATCH, TaskWriter, answers_of, epoch_of

EVICTED_FOR = 86_400
"""Seconds for which an evicted boot is remembered; no process sleeps longer."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A leader's decision: this task to this agent's boot; `why` is the decision as JSON, for explaining it."""

    task_id: str
    agent: str
    boot: str
    limit: int = 1_000_000
    """How many tasks that agent may hold, this one among them."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A leader's word on a ready task that no agent may have now: why, as JSON; for how many seconds it steps aside."""

    task_id: str
    why: str
    aside: float = 0.0


class Leading(TaskWriter):
    """The verbs of the leader, and of those who keep agents from work."""

    def ready(self, limit: int = BATCH) -> list[Task]:
        """Up to `limit` tasks that are ready, in their turn, without what they are to run.

        The queue is only a hint: `assign` says whether they still wait. One that can't be read is told as a
        task of the ordinary kind, for an agent to find out: nothing may block those behind it.
        """
        answers = self._scripts.call("ready", "", [self.keys.pending, self.keys.task_prefix], [limit, *BRIEF])
        return [brief_of(task_id, values) for task_id, *values in answers]

    def assign(self, assignments: Sequence[Assignment], by: str, epoch: int) -> list[tuple[Answer, int]]:
        """Leader: PENDING -> SCHEDULED; answers with the attempt each task is now at."""

        def item(a: Assignment) -> tuple[list[str], list[Any]]:
            agent = [self.keys.agent(a.agent), self.keys.held_tasks(a.agent)]
            return [*self._own(a.task_id), *agent], [a.task_id, a.agent, a.boot, a.limit, a.why]

        answers = self._batch(
            "assign",
            by,
            [self.keys.epoch, self.keys.pending, self.keys.drained, self.keys.quarantined],
            [epoch_of(epoch)],
            map(item, assignments),
        )
        return [(Answer(answer), int(attempt)) for answer, attempt in answers]

    def defer(self, waiting: Sequence[Waiting], by: str, epoch: int) -> Answer:
        """Leader: note why these ready tasks wait; those that step aside come back by `promote`. OK or FENCED."""
        keys = [
            self.keys.epoch,
            self.keys.pending,
            self.keys.delayed,
            *(self.keys.task(one.task_id) for one in waiting),
        ]
        args = [arg for one in waiting for arg in (one.task_id, int(one.aside * 1000), one.why)]
        return Answer(self._scripts.call("defer", by, keys, [epoch_of(epoch), *args]))

    def dispatched(self, attempts: Sequence[Attempt], by: str, epoch: int) -> list[Answer]:
        """Leader: SCHEDULED -> DISPATCHED, after the message was published."""
        items = ((self._own(a.task_id), [a.task_id, a.attempt]) for a in attempts)
        return answers_of(self._batch("dispatched", by, [self.keys.epoch], [epoch_of(epoch)], items))

    def evict(self, agent: str, boot: str, by: str, epoch: int) -> Answer:
        """Leader: that boot may run nothing any more; it can't hold its lease. OK, SAME or FENCED."""
        keys = [self.keys.epoch, self.keys.agent(agent), self.keys.evicted]
        return Answer(self._scripts.call("evict", by, keys, [epoch_of(epoch), boot, EVICTED_FOR * 1000]))

    def drain(self, agent: str, by: str) -> Answer:
        """The agent gets nothing new until `resume`; what it runs goes on."""
        return self._shut(agent, by, "drain")

    def resume(self, agent: str, by: str) -> Answer:
        """The agent gets tasks again, also where it was in quarantine."""
        return self._shut(agent, by, "resume")

    def quarantine(self, agent: str, seconds: float, by: str) -> Answer:
        """The agent gets nothing new for so many seconds."""
        return self._shut(agent, by, "quarantine", int(seconds * 1000))

    def _shut(self, agent: str, by: str, how: str, *args: int) -> Answer:
        return Answer(self._scripts.call("shut", by, [self.keys.drained, self.keys.quarantined], [agent, how, *args]))
