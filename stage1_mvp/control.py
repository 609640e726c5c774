"""Control: ends running tasks that somebody asked to cancel."""

from redis import Redis

from common.service import Service
from common.store.tasks import TaskStore
from common.transports.redis_client import redis_errors
from stage1_mvp.runs import Runs

LOOK_EVERY = 1.0
"""Seconds between two looks at the store, which is the truth; the channel only makes it quicker."""


class Control(Service):
    """Listens on the agent's control channel, and looks at the flags of its running tasks all the same."""

    name = "control"

    def __init__(self, redis: Redis, store: TaskStore, agent: str, runs: Runs) -> None:
        self._redis, self._store, self._runs = redis, store, runs
        self._channel = store.keys.control(agent)
        self._listening = redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]

    def step(self) -> float:
        with redis_errors():
            if not self._listening.subscribed:
                self._listening.subscribe(self._channel)
            hint = self._listening.get_message(timeout=LOOK_EVERY)
        if hint:
            self._end([str(hint["data"])])
        else:
            self._end(sorted({run.task.task_id for run in self._runs.held() if run.result is None}))
        return 0

    def close(self) -> None:
        self._listening.close()

    def _end(self, task_ids: list[str]) -> None:
        if not task_ids:
            return
        for task in self._store.get_many(task_ids):
            if task and task.cancel_requested:
                self._runs.cancel(task.task_id)
