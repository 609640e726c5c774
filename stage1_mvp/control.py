"""Control: ends running tasks that somebody asked to cancel."""

from redis import Redis

from common.clock import Clock
from common.service import Service
from common.store.tasks import TaskStore
from common.transports.redis_client import redis_errors
from stage1_mvp.runs import Runs

LOOK_EVERY = 1.0
"""Seconds between two looks at the store, which is the truth; the channel only makes it quicker."""
LISTEN = 0.3
"""Seconds that one step listens, so that a stop is seen soon."""


class Control(Service):
    """Listens on the agent's control channel, and looks at the flags of its running tasks all the same."""

    name = "control"

    def __init__(self, redis: Redis, store: TaskStore, agent: str, runs: Runs, clock: Clock) -> None:
        self._store, self._runs, self._clock = store, runs, clock
        self._channel = store.keys.control(agent)
        self._listening = redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._look_at = 0.0

    def step(self) -> float:
        with redis_errors():
            if not self._listening.subscribed:
                self._listening.subscribe(self._channel)
            hint = self._listening.get_message(timeout=LISTEN)
        if self._clock.monotonic() >= self._look_at:
            # Also while hints keep coming: one that was lost must not wait for the others to end.
            self._end(sorted({run.task.task_id for run in self._runs.running()}))
            self._look_at = self._clock.monotonic() + LOOK_EVERY
        elif hint:
            self._end([str(hint["data"])])
        return 0

    def close(self) -> None:
        self._listening.close()

    def _end(self, task_ids: list[str]) -> None:
        if not task_ids:
            return
        for task in self._store.get_many(task_ids):
            if task and task.cancel_requested:
                self._runs.cancel(task.task_id)
