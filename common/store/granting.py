"""Granting: the start gate, through which an attempt goes once."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.domain.errors import CorruptTask
from common.domain.reports import Finished, Held, unreadable
from common.domain.status import Answer
from common.domain.task import Task
from common.store.codec import task_of
from common.store.ending import Ending
from common.store.writing import BATCH

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one task, as the asker last saw it."""

    task_id: str
    attempt: int


class Granting(Ending):
    """The verbs of agents that want to run something."""

    def claim(self, agent: str, boot: str, limit: int) -> list[Task] | None:
        """Stage 1: take up to `limit` ready tasks for this boot, RUNNING; None where the lease is not its own.

        One that can't be read back is FAILED at once, with the words what is wrong: nobody could run it.
        After Unanswered the tasks may be granted all the same: `running` finds them.
        """
        keys = [self.keys.pending, self.keys.agent(agent), self.keys.held_tasks(agent), self.keys.task_prefix]
        answer = self._scripts.call("claim", agent, keys, [agent, boot, min(limit, BATCH)])
        if answer[0] == Answer.FENCED:
            return None
        hashes = map(_fields, answer[1:])
        granted = self._read_back(((fields["taskId"], fields) for fields in hashes), agent, boot)
        return [task for task in granted if task]

    def start(self, attempts: Sequence[Attempt], agent: str, boot: str) -> list[tuple[Answer, Task | None]]:
        """The start gate: SCHEDULED or DISPATCHED -> RUNNING; with OK and SAME the task to run.

        One that can't be read back is FAILED at once, as with `claim`, and the answer is TERMINAL.
        """
        answers = self.grants(attempts, agent, boot)
        tasks = self._read_back(
            ((a.task_id, fields) for a, (_, fields) in zip(attempts, answers, strict=True)), agent, boot
        )
        return [
            (Answer.TERMINAL if fields and not task else answer, task)
            for (answer, fields), task in zip(answers, tasks, strict=True)
        ]

    def grants(self, attempts: Sequence[Attempt], agent: str, boot: str) -> list[tuple[Answer, dict[str, str]]]:
        """As `start`, with the task's fields as they stand in its hash (codec.task_of), for who passes them on."""
        items = ((self._own(a.task_id), [a.task_id, a.attempt]) for a in attempts)
        answers = self._batch(
            "start", agent, [self.keys.agent(agent), self.keys.held_tasks(agent)], [agent, boot], items
        )
        return [(Answer(answer), _fields(flat)) for answer, flat in answers]

    def _read_back(self, granted: Iterable[tuple[str, dict[str, str]]], agent: str, boot: str) -> list[Task | None]:
        """Per task id and fields the task, which runs with that boot now; None where there are no fields.

        None also for one that can't be read: it is FAILED at once, with the words what is wrong.
        """
        tasks: list[Task | None] = []
        spoilt: list[Finished] = []
        for task_id, fields in granted:
            try:
                tasks.append(task_of(fields) if fields else None)
            except CorruptTask as error:
                tasks.append(None)
                spoilt.append(_unreadable(Held(task_id, int(fields["attempt"]), agent, boot), error))
        if spoilt:
            self.report(spoilt, agent)
        return tasks


def _unreadable(claimed: Held, error: CorruptTask) -> Finished:
    log.warning("given up: %s", error, extra={"task_id": claimed.task_id, "attempt": claimed.attempt})
    return unreadable(claimed, error)


def _fields(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
