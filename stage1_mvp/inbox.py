"""SelfAssign: stage 1's inbox. Without a scheduler the agent assigns ready tasks to itself."""

import logging
from collections.abc import Callable, Sequence

from redis import Redis

from common.domain.errors import Unavailable
from common.domain.status import Status
from common.domain.task import Task
from common.store.tasks import TaskStore
from common.transports.redis_client import LONGEST_BLOCK, redis_errors

log = logging.getLogger("dts.inbox")


class SelfAssign:
    """Claims ready tasks for one boot; waits at the bell that submit rings.

    `store` and `redis` must be on a client that never repeats a command: a repeated claim would
    grant tasks that nobody hears of. `held` gives the (task id, attempt) pairs that the agent has.
    """

    def __init__(
        self, store: TaskStore, redis: Redis, agent: str, boot: str, held: Callable[[], set[tuple[str, int]]]
    ) -> None:
        self._store, self._redis = store, redis
        self._agent, self._boot, self._held = agent, boot, held
        self._in_doubt = False

    def take(self, limit: int, timeout: float) -> Sequence[Task]:
        if self._in_doubt:
            unseen = self._unseen()
            self._in_doubt = False
            if unseen:
                return unseen
        return self._claim(limit) or (self._claim(limit) if self._wait(timeout) else [])

    def _claim(self, limit: int) -> list[Task]:
        try:
            granted = self._store.claim(self._agent, self._boot, limit)
        except Unavailable:
            self._in_doubt = True
            raise
        # None: the lease is over. Whoever keeps the lease ends this boot; until then there is nothing to take.
        return granted or []

    def _wait(self, timeout: float) -> bool:
        with redis_errors():
            rung = self._redis.brpop([self._store.keys.bell], timeout=min(timeout, LONGEST_BLOCK))
        return rung is not None

    def _unseen(self) -> list[Task]:
        """What a claim granted whose answer was lost: running for this boot, but not held."""
        # Read what is held first: a task that ends in between is then still counted as held.
        held = self._held()
        granted = [
            task
            for task in self._store.in_status(Status.RUNNING, limit=100_000)
            if task.boot == self._boot and (task.task_id, task.attempt) not in held
        ]
        if granted:
            log.warning("%d tasks were granted in an answer that was lost", len(granted))
        return granted
