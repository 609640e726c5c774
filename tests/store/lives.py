"""Short ways for a task to any status."""

from datetime import datetime
from itertools import count
from typing import Any

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.reports import Finished, LogChunk
from common.domain.result import Reason, Result, failure, success
from common.domain.status import Answer, Status
from common.domain.task import Submission, Task
from common.store.granting import Attempt
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.tasks import TaskStore

AGENT, BOOT = "agent-1", "boot-1"
EPOCH = 5


class Life:
    """Takes tasks through their lives with the right asker for each step; AGENT holds its lease as BOOT."""

    def __init__(self, store: TaskStore, leases: Leases) -> None:
        self.store, self.leases = store, leases
        self.ids = Ids(SystemClock())
        self._numbers = count(1)
        assert leases.take(AGENT, BOOT, 60, {"slots": 4})

    def submit(self, task_id: str | None = None, **spec: Any) -> str:
        body = Submission.of(**{"task_id": task_id or f"t-{next(self._numbers)}", "content": "true"} | spec)
        (submitted,) = self.store.submit([body], "tester", self.ids)
        assert submitted.answer is Answer.OK
        return submitted.task_id

    def scheduled(self, **spec: Any) -> str:
        task_id = self.submit(**spec)
        assert self.store.assign([Assignment(task_id, AGENT, BOOT)], "leader", EPOCH)[0][0] is Answer.OK
        return task_id

    def dispatched(self, **spec: Any) -> str:
        task_id = self.scheduled(**spec)
        assert self.store.dispatched([Attempt(task_id, 1)], "leader", EPOCH) == [Answer.OK]
        return task_id

    def running(self, **spec: Any) -> str:
        task_id = self.dispatched(**spec)
        assert self.store.start([Attempt(task_id, 1)], AGENT, BOOT)[0][0] is Answer.OK
        return task_id

    def reported(self, result: Result, **spec: Any) -> str:
        task_id = self.running(**spec)
        assert self.report(task_id, result)[0] is Answer.OK
        return task_id

    def cancelled(self, **spec: Any) -> str:
        task_id = self.scheduled(**spec)
        assert self.store.cancel([task_id], "tester") == [Answer.OK]
        return task_id

    def reach(self, status: Status, **spec: Any) -> str:
        """A task in `status`, at attempt 1 where it has left PENDING."""
        ways = {
            Status.PENDING: self.submit,
            Status.SCHEDULED: self.scheduled,
            Status.DISPATCHED: self.dispatched,
            Status.RUNNING: self.running,
            Status.SUCCESS: lambda **spec: self.reported(success("done\n", 5), **spec),
            Status.FAILED: lambda **spec: self.reported(failure(Reason.EXIT_CODE, "no", exit_code=1), **spec),
            Status.CANCELLED: self.cancelled,
        }
        task_id = ways[status](**spec)
        assert self.task(task_id).status is status
        return task_id

    def task(self, task_id: str) -> Task:
        task = self.store.get(task_id)
        assert task is not None
        return task

    def claim(self, task_id: str) -> Task:
        """Take this one task, which is the only one that is ready."""
        granted = self.store.claim(AGENT, BOOT, 10)
        assert granted is not None
        (task,) = granted
        assert task.task_id == task_id
        return task

    def report(self, task_id: str, result: Result, log: str = "") -> tuple[Answer, Status | None]:
        """Report the task's current attempt, as its agent does."""
        task = self.task(task_id)
        (answer,) = self.store.report([Finished(task, result, LogChunk(task, 0, log))], AGENT)
        return answer


def millis(instant: str) -> int:
    """An instant of a history, as the indexes and queues have it."""
    return round(datetime.fromisoformat(instant).timestamp() * 1000)
