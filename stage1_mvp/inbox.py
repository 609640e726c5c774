"""SelfAssign: stage 1's inbox. Without a scheduler the agent assigns ready tasks to itself."""

import logging
from collections.abc import Callable, Sequence

from redis import Redis

from common.clock import Clock
from common.domain.status import Answer, Status
from common.domain.task import Task
from common.failpoints import failpoint
from common.store.tasks import TaskStore
from common.transports.redis_client import LONGEST_BLOCK, redis_errors

log = logging.getLogger("dts.inbox")

LOOK_EVERY = 2.0
"""Seconds between two looks for grants whose answer was lost: a claim may arrive long after it was given up."""


class SelfAssign:
    """Claims ready tasks for one boot; waits at the bell that submit rings.

    `store` and `redis` must be on a client that never repeats a command: a repeated claim would
    grant tasks that nobody hears of. `held` gives the (task id, attempt) pairs that the agent has.
    """

    def __init__(
        self,
        store: TaskStore,
        redis: Redis,
        agent: str,
        boot: str,
        *,
        held: Callable[[], set[tuple[str, int]]],
        clock: Clock,
    ) -> None:
        self._store, self._redis = store, redis
        self._agent, self._boot, self._held = agent, boot, held
        self._clock = clock
        self._look_at = 0.0

    def take(self, limit: int, timeout: float) -> Sequence[Task]:
        if self._clock.monotonic() >= self._look_at:
            self._take_back_unseen()
            self._look_at = self._clock.monotonic() + LOOK_EVERY
        return self._claim(limit) or (self._claim(limit) if self._wait(timeout) else [])

    def _claim(self, limit: int) -> list[Task]:
        try:
            granted = self._store.claim(self._agent, self._boot, limit)
            if granted:
                failpoint("C10")
        except Exception:
            self._look_at = 0.0
            raise
        # None: the lease is over. Whoever keeps the lease ends this boot; until then there is nothing to take.
        # Held already: a Redis that lost its last second grants again what it has forgotten.
        held = self._held()
        return [task for task in granted or [] if (task.task_id, task.attempt) not in held]

    def _wait(self, timeout: float) -> bool:
        with redis_errors():
            rung = self._redis.brpop([self._store.keys.bell], timeout=min(timeout, LONGEST_BLOCK))
        if rung:
            failpoint("C8")
        return rung is not None

    def _take_back_unseen(self) -> None:
        """Make ready again what was granted in an answer that was lost: it is RUNNING here, and nobody runs it.

        No claim is under way meanwhile, for this is the thread that claims. The next attempt runs the task:
        this one may have been run and reported to a Redis that then lost its last second.
        """
        # What is held first: a task that ends in between is then still counted as held.
        held = self._held()
        unseen = [
            task
            for task in self._store.with_agent(self._agent, limit=100_000)
            if task.status is Status.RUNNING and task.boot == self._boot and (task.task_id, task.attempt) not in held
        ]
        for task, (answer, after) in zip(unseen, self._store.requeue(unseen, "STUCK", self._agent), strict=True):
            if answer is Answer.OK:
                log.warning(
                    "granted in an answer that was lost: now %s",
                    after,
                    extra={"task_id": task.task_id, "attempt": task.attempt},
                )
