"""Manager: what agents tell becomes state. It alone writes how tasks begin and end (F-MGR-01, F-MGR-02)."""

import logging
from collections import Counter
from collections.abc import Sequence

from common.clock import Clock
from common.contracts import Message, Queue
from common.domain.errors import CorruptTask
from common.domain.messages import LogUpdate, Returned, Started, StatusUpdate
from common.domain.reports import Finished, Granted
from common.domain.status import Answer
from common.failpoints import failpoint
from common.logs import steps
from common.service import Service
from common.store.tasks import TaskStore
from stage1_mvp.reporter import stored

log = logging.getLogger("dts.manager")

MESSAGES = 200
"""Messages that are taken at once; each may tell of many tasks."""
TAKE_WITHIN = 0.3
"""Seconds that one step waits for messages, so that a stop is seen soon."""
SETTLE_EVERY = 0.2
"""Seconds for which applied messages may stay unsettled: to settle costs the bus as much as a message."""
DONE = (Answer.OK, Answer.SAME)


class Manager(Service):
    """Applies updates, then settles them: what is applied again, because one died in between, changes nothing.

    Where the store is away nothing is settled and nothing is skipped: the same messages are applied when it is back.
    """

    name = "manager"

    def __init__(
        self, queue: Queue[StatusUpdate], store: TaskStore, manager: str, clock: Clock, *, gated: bool = False
    ) -> None:
        """`gated`: agents ask before they start, so that the end of what was never granted is refused."""
        self._queue, self._store, self._by, self._clock = queue, store, manager, clock
        self._gated = gated
        self._unapplied: Sequence[Message[StatusUpdate]] = ()
        self._settle_at = 0.0

    def step(self) -> float:
        self._unapplied = self._unapplied or self._queue.take(MESSAGES, TAKE_WITHIN)
        quiet = not self._unapplied
        if self._unapplied:
            failpoint("C17")
            self._apply_all(self._unapplied)
            self._unapplied = ()
            failpoint("C18")
        if quiet or self._clock.monotonic() >= self._settle_at:
            # Also where there is nothing: what could not be read is buried, and settled.
            self._queue.ack()
            failpoint("C19")
            self._settle_at = self._clock.monotonic() + SETTLE_EVERY
        return 0

    def close(self) -> None:
        try:
            if not self._unapplied:
                self._queue.ack()
        finally:
            self._queue.close()

    def _apply_all(self, messages: Sequence[Message[StatusUpdate]]) -> None:
        try:
            self._apply([message.body for message in messages])
        except CorruptTask:
            # One of them is about a task that somebody else spoilt: the others must not suffer for it.
            for message in messages:
                try:
                    self._apply([message.body])
                except CorruptTask as error:
                    self._queue.reject(message, str(error))

    def _apply(self, updates: Sequence[StatusUpdate]) -> None:
        told = [one for update in updates for one in update.updates]
        ends = [one for one in told if isinstance(one, Finished)]
        # An end tells of the start too.
        ended = {(end.task.task_id, end.task.attempt) for end in ends}
        started = [one for one in told if isinstance(one, Started)]
        begun = [(one.task, one.seconds) for one in started if (one.task.task_id, one.task.attempt) not in ended]
        returned = [one.task for one in told if isinstance(one, Returned)]
        refused: Counter[Answer] = Counter()
        if begun:
            tasks, said = [task for task, _ in begun], self._store.begun(begun, self._by)
            self._count(refused, tasks, said)
            taken = zip(tasks, said, strict=True)
            steps(log, "applied", [("RUNNING", *_of(task)) for task, answer in taken if answer is Answer.OK])
        if ends:
            answers = self._store.report(ends, self._by, ungated=not self._gated)
            self._count(refused, [end.task for end in ends], [answer for answer, _ in answers])
            steps(log, "applied", stored(ends, answers))
        if returned:
            back = self._store.hand_back(returned, self._by)
            steps(log, "handed back", [(f"now {status}", *_of(task)) for task, answer, status in back if answer.done])
        # Last: who reads this may take for lost what is held no more and not applied.
        self._store.applied({one.agent: (one.boot, one.number) for one in updates}, refused)

    def _count(self, refused: Counter[Answer], tasks: Sequence[Granted], answers: Sequence[Answer]) -> None:
        """Repeats and late ones change nothing; how many there were is told."""
        for task, answer in zip(tasks, answers, strict=True):
            if answer is Answer.OK:
                continue
            refused[answer] += 1
            if answer not in DONE:
                log.info(
                    "update of %s refused: %s",
                    task.agent,
                    answer,
                    extra={"task_id": task.task_id, "attempt": task.attempt},
                )


def _of(task: Granted) -> tuple[str, int]:
    return task.task_id, task.attempt


class LogWriter(Service):
    """Stores output. On a way of its own, so that much of it never holds up what became of tasks."""

    name = "log-writer"

    def __init__(self, queue: Queue[LogUpdate], store: TaskStore, manager: str) -> None:
        self._queue, self._store, self._by = queue, store, manager
        self._unwritten: Sequence[Message[LogUpdate]] = ()

    def step(self) -> float:
        self._unwritten = self._unwritten or self._queue.take(MESSAGES // 10, TAKE_WITHIN)
        if self._unwritten:
            self._store.log([message.body.chunk for message in self._unwritten], self._by)
            self._unwritten = ()
        self._queue.ack()
        return 0

    def close(self) -> None:
        self._queue.close()
