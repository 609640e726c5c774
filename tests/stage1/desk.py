"""What a person does and sees from outside: pushes into queue:tasks, and looks at what became of it."""

import json
from collections.abc import Iterable
from typing import Any

from redis import Redis

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.status import Answer, Status
from common.domain.task import Task
from common.lab.until import until
from common.store.keys import Keys
from common.store.tasks import TaskStore
from tests.store.invariants import assert_consistent

WITHIN = 45.0
"""Seconds; far more than anything here takes on a machine that is not busy."""


class Desk:
    """One person at one Redis."""

    def __init__(self, redis: Redis, keys: Keys | None = None) -> None:
        self.redis, self.keys = redis, keys or Keys()
        self.store = TaskStore(redis, self.keys)
        self._ids = Ids(SystemClock())

    def push(self, content: Any = "true", **fields: Any) -> str:
        """LPUSH a good task under an id of its own; returns the id."""
        task_id = fields.pop("taskId", self._ids.new())
        self.push_raw(json.dumps({"taskId": task_id, "content": content} | fields))
        return str(task_id)

    def push_many(self, contents: Iterable[str], **fields: Any) -> list[str]:
        """The same for many, in one command, the first one first."""
        bodies = {self._ids.new(): content for content in contents}
        messages = [json.dumps({"taskId": task_id, "content": body} | fields) for task_id, body in bodies.items()]
        self.redis.lpush(self.keys.tasks_queue, *messages)
        return list(bodies)

    def push_raw(self, message: str | bytes) -> None:
        self.redis.lpush(self.keys.tasks_queue, message)

    def task(self, task_id: str) -> Task:
        task = self.store.get(task_id)
        assert task is not None, f"no task {task_id}"
        return task

    def reached(self, task_id: str, *statuses: Status, within: float = WITHIN) -> Task:
        """Wait until the task is in one of these statuses."""

        def there() -> Task:
            task = self.task(task_id)
            assert task.status in statuses, f"{task_id} is {task.status}, attempt {task.attempt}: {task.result}"
            return task

        return until(there, within)

    def running(self, task_id: str) -> Task:
        return self.reached(task_id, Status.RUNNING)

    def ended(self, task_id: str, within: float = WITHIN) -> Task:
        return self.reached(task_id, *(status for status in Status if status.final), within=within)

    def succeeded(self, *task_ids: str, within: float = WITHIN) -> list[Task]:
        """Wait until all have ended, and see that each did so well."""
        tasks = [self.ended(task_id, within) for task_id in task_ids]
        assert [(task.task_id, task.result) for task in tasks if task.status is not Status.SUCCESS] == []
        return tasks

    def ran(self, **fields: Any) -> Task:
        """Push one and wait for its end."""
        return self.ended(self.push(**fields))

    def works(self) -> None:
        """See that the agent lives: a good task runs well."""
        self.succeeded(self.push("true", name="still alive?"))

    def cancel(self, task_id: str) -> Answer:
        return self.store.cancel([task_id], "person")[0]

    def log(self, task_id: str, attempt: int = 1) -> str:
        return self.store.read_log(task_id, attempt, limit=10_000_000).text

    def printed(self, task_id: str, text: str, attempt: int = 1) -> None:
        """Wait until the task's log has `text`."""
        until(lambda: text in self.log(task_id, attempt), WITHIN, what=f"{text!r} in the log of {task_id}")

    def verbs(self, task_id: str) -> list[str]:
        return [entry["verb"] for entry in self.store.history(task_id)]

    def dead_letters(self) -> list[dict[str, str]]:
        """Newest first."""
        letters = self.redis.lrange(self.keys.dead_letters(self.keys.tasks_queue), 0, -1)
        return [json.loads(letter) for letter in letters]

    def buried(self, count: int = 1) -> list[dict[str, str]]:
        """Wait until there are so many dead letters."""

        def there() -> list[dict[str, str]]:
            letters = self.dead_letters()
            assert len(letters) == count, letters
            return letters

        return until(there, WITHIN)

    def settled(self, agent: str = "agent-1") -> None:
        """Wait until nothing is on its way and all that is stored agrees."""
        queue = self.keys.tasks_queue
        on_the_way = (queue, self.keys.moving(queue, agent), self.keys.held(queue, agent))

        def at_rest() -> bool:
            assert not self.redis.exists(*on_the_way)
            assert_consistent(self.redis, self.keys)
            return True

        until(at_rest, WITHIN)

    def forget(self) -> None:
        """Remove everything but the agents' leases; nothing may be under way."""
        for key in list(self.redis.scan_iter()):
            if not str(key).startswith(self.keys.agent("")):
                self.redis.delete(key)
