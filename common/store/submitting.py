"""Submitting: what clients ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.domain.ids import Ids
from common.domain.status import Answer
from common.domain.task import Submission
from common.store.codec import fields_of
from common.store.writing import TaskWriter, answers_of


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to one submission; with SAME and CONFLICT `task_id` is the task that was there before."""

    task_id: str
    answer: Answer


class Submitting(TaskWriter):
    """The verbs of clients."""

    def submit(self, submissions: Sequence[Submission], by: str, ids: Ids) -> list[Submitted]:
        """Make tasks; those without a task_id get one from `ids`.

        OK; SAME where the id or requestId was used for this very body; CONFLICT where for another, or where the
        id's task came with another requestId; FULL.
        To repeat after Unanswered, give a task_id or a request_id.
        """
        keys = self.keys
        new = iter(ids.batch(sum(submission.task_id is None for submission in submissions)))

        def item(submission: Submission) -> tuple[list[str], list[Any]]:
            task_id = submission.task_id or next(new)
            request, fields = submission.request_id, fields_of(submission)
            task = keys.task(task_id)
            return (
                [task, keys.history(task_id), keys.request(request) if request else task],
                [task_id, submission.digest(), request or "", len(fields), *fields],
            )

        shared = [keys.all, keys.pending, keys.bell, keys.delayed, keys.expiring]
        answers = self._batch("submit", by, shared, [self._limits.pending], map(item, submissions))
        return [Submitted(task_id, Answer(answer)) for answer, task_id in answers]

    def cancel(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        """CANCELLED at once where it has not started; REQUESTED where it runs and its agent must end it."""
        items = ((self._own(task_id), [task_id]) for task_id in task_ids)
        shared = [self.keys.pending, self.keys.delayed, self.keys.agent(""), self.keys.cancelling]
        return answers_of(self._batch("cancel", by, shared, [self.keys.control_prefix], items))

    def retry(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        """FAILED or CANCELLED -> PENDING with fresh budgets; the old result stays in the history (F-API-04)."""
        items = ((self._own(task_id), [task_id]) for task_id in task_ids)
        shared = [self.keys.pending, self.keys.bell, self.keys.delayed, self.keys.expiring]
        return answers_of(self._batch("retry", by, shared, [], items))
