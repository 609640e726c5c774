"""DispatchInbox: an agent's work as its leader tells it. Messages are hints; the start gate alone grants."""

import logging
from collections.abc import Callable, Sequence

from common.clock import Clock
from common.contracts import Queue
from common.domain.messages import Dispatch
from common.domain.status import Status
from common.domain.task import Task
from common.failpoints import failpoint
from common.store.granting import Attempt
from common.store.tasks import TaskStore
from stage2_zk.told import Told

log = logging.getLogger("dts.inbox")

MESSAGES = 100
"""Messages that are taken at once; each may tell of many tasks."""
LOOK_EVERY = 2.0
"""Seconds between two looks at the store for what no message told of, and for grants whose answer was lost."""


class DispatchInbox:
    """Takes what a leader dispatched to this boot, and asks at the gate before anything runs.

    `held` gives the (task id, attempt) pairs that the agent has. What was meant for another boot is dropped, and
    so is what this boot was granted before. Called from one thread.
    """

    def __init__(
        self,
        queue: Queue[Dispatch],
        store: TaskStore,
        agent: str,
        boot: str,
        *,
        held: Callable[[], set[tuple[str, int]]],
        clock: Clock,
    ) -> None:
        self._queue, self._store = queue, store
        self._agent, self._boot, self._held = agent, boot, held
        self._clock = clock
        self._told = Told()
        self._look_at = 0.0

    def take(self, limit: int, timeout: float) -> Sequence[Task]:
        if self._clock.monotonic() >= self._look_at:
            self._look()
            self._look_at = self._clock.monotonic() + LOOK_EVERY
        if len(self._told) < limit:
            self._listen(0 if self._told else timeout)
        return self._ask(limit) if self._told else []

    def _listen(self, timeout: float) -> None:
        messages = self._queue.take(MESSAGES, timeout)
        if messages:
            failpoint("C8")
        for message in messages:
            if message.body.boot == self._boot:
                self._told.note(message.body.tasks)
        # A message is only a hint: what is lost with this process is found in the store by the next look.
        if messages:
            self._queue.ack()

    def _ask(self, limit: int) -> list[Task]:
        asked = self._told.take(limit)
        try:
            answers = self._store.start([Attempt(*attempt) for attempt in asked], self._agent, self._boot)
            failpoint("C10")
        except Exception:
            # The gate answers the same asker the same.
            self._told.again()
            raise
        granted = []
        for attempt, (answer, task) in zip(asked, answers, strict=True):
            if task:
                granted.append(task)
            else:
                log.info("not started: %s", answer, extra={"task_id": attempt[0], "attempt": attempt[1]})
        self._told.settle((task.task_id, task.attempt) for task in granted)
        return granted

    def _look(self) -> None:
        """Find what is ours in the store and what no message told of.

        What runs there and is not held was granted in an answer that never came, or to a Redis that then lost its
        last second: the next attempt runs it, for this one may have run. No question is under way meanwhile.
        """
        # What is held first: a task that ends in between is then still counted as held.
        known = self._held() | self._told.unanswered()
        ours = [task for task in self._store.with_agent(self._agent) if task.boot == self._boot]
        unseen = [task for task in ours if (task.task_id, task.attempt) not in known]
        spent = [t for t in unseen if t.status is Status.RUNNING or self._told.was_granted((t.task_id, t.attempt))]
        self._told.note([(task.task_id, task.attempt) for task in unseen if task not in spent])
        for task, (answer, after) in zip(spent, self._store.requeue(spent, "STUCK", self._agent), strict=True):
            if answer.done:
                log.warning(
                    "granted, but not known here: now %s",
                    after,
                    extra={"task_id": task.task_id, "attempt": task.attempt},
                )
