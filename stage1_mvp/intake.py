"""Intake: submits the whole tasks that people push into queue:tasks by hand."""

import logging
from collections.abc import Sequence

from common.contracts import Message, Queue
from common.domain.errors import BadMessage, InvalidTask
from common.domain.ids import Ids
from common.domain.status import Answer
from common.domain.task import Submission
from common.failpoints import failpoint
from common.logs import steps
from common.service import Service
from common.store.tasks import TaskStore

log = logging.getLogger("dts.intake")

LIMIT = 100
TAKE_WITHIN = 0.3
"""Seconds that one step waits for messages, so that a stop is seen soon."""
LOOK_AGAIN = 0.5
"""Seconds between two looks for room, while as many tasks wait as may."""


class Intake(Service):
    """A pushed message is a submission like any other: it gets its hash and its history at once.

    Without a taskId it takes its message's id, so a message delivered again makes no second task.
    """

    name = "intake"

    def __init__(self, queue: Queue[Submission], store: TaskStore, agent: str, ids: Ids) -> None:
        self._queue, self._store, self._agent, self._ids = queue, store, agent, ids
        self._waiting: Sequence[Message[Submission]] = []
        self._full = False

    def step(self) -> float:
        messages = self._waiting or self._queue.take(LIMIT, TAKE_WITHIN)
        if not messages:
            # Nothing, or only what can't be read: that is buried, and settled.
            self._queue.ack()
            return 0
        self._waiting = messages
        self._waiting = self._submit(messages)
        self._say_whether_full()
        if self._waiting:
            return LOOK_AGAIN
        self._queue.ack()
        return 0

    def close(self) -> None:
        self._queue.close()

    def _say_whether_full(self) -> None:
        if bool(self._waiting) != self._full:
            self._full = not self._full
            log.warning(
                "pushed tasks wait: as many are pending as may be" if self._full else "room for pushed tasks again"
            )

    def _submit(self, messages: Sequence[Message[Submission]]) -> list[Message[Submission]]:
        """Returns those that must wait, because as many tasks wait as may."""
        submissions = [_with_id(message) for message in messages]
        failpoint("C1")
        answers = self._store.submit(submissions, f"{self._agent}/intake", self._ids)
        failpoint("C2")
        steps(log, "pushed by hand, submitted", [(one.answer, one.task_id, 0) for one in answers])
        full = []
        for message, submitted in zip(messages, answers, strict=True):
            if submitted.answer is Answer.CONFLICT:
                self._queue.reject(message, f"task {submitted.task_id!r} exists already with another body")
            elif submitted.answer is Answer.FULL:
                full.append(message)
        return full


def _with_id(message: Message[Submission]) -> Submission:
    body = message.body
    return body if body.task_id else body.model_copy(update={"task_id": message.id})


def decode(raw: bytes) -> Submission:
    """A pushed message as a submission; raises BadMessage, whose text says what to mend."""
    try:
        return Submission.parse(raw)
    except InvalidTask as error:
        raise BadMessage(str(error)) from error


def encode(submission: Submission) -> str:
    """A submission as the JSON that a person would push."""
    return submission.model_dump_json(by_alias=True, exclude_defaults=True)
