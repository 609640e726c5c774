"""The floor under tasks that do nothing: the store's scripts called from one loop, without an agent.

What dts leaves of a floor is what its own code costs: threads, decoding, waiting.
"""

import time
from collections.abc import Sequence
from itertools import islice

from redis import Redis

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.reports import Finished, LogChunk
from common.domain.result import success
from common.domain.status import Status
from common.domain.task import Submission, Task
from common.store.codec import fields_of
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.scripts import Scripts
from common.store.tasks import TaskStore
from common.store.writing import BATCH, Limits

AGENT, BOOT, BY = "bench", "boot", "bench"


class BareStore:
    """The scripts with all their arguments made beforehand, in a namespace of its own. Times are seconds."""

    def __init__(self, redis: Redis, submissions: Sequence[Submission]) -> None:
        ids = Ids(SystemClock())
        keys = Keys(f"floor-{ids.new()}:")
        self.keys, self._scripts, self._store = keys, Scripts(redis, keys), TaskStore(redis, keys)
        Leases(redis, keys).take(AGENT, BOOT, 600, {})
        task_ids = [ids.new() for _ in submissions]
        self._submissions = list(map(self._submission, task_ids, submissions))
        self._ends = [_end(task_id, spec) for task_id, spec in zip(task_ids, submissions, strict=True)]

    def submit(self) -> float:
        """All of them."""
        begun = time.perf_counter()
        self._submit(self._submissions)
        return time.perf_counter() - begun

    def drain(self) -> float:
        """Claim and report all that were submitted."""
        begun, ends = time.perf_counter(), iter(self._ends)
        while part := list(islice(ends, BATCH)):
            self._run(part)
        return time.perf_counter() - begun

    def stream(self) -> float:
        """Submit, claim and report all, in turns."""
        begun, submissions, ends = time.perf_counter(), iter(self._submissions), iter(self._ends)
        while part := list(islice(ends, BATCH)):
            self._submit(list(islice(submissions, BATCH)))
            self._run(part)
        return time.perf_counter() - begun

    def one(self, number: int) -> None:
        """Submit, claim and report a single one."""
        self._submit(self._submissions[number : number + 1])
        self._run(self._ends[number : number + 1])

    def _submit(self, submissions: Sequence[tuple[list[str], list[str | int]]]) -> None:
        keys, bound = self.keys, Limits().pending
        shared = [keys.all, keys.pending, keys.bell, keys.delayed, keys.expiring]
        for first in range(0, len(submissions), BATCH):
            part = submissions[first : first + BATCH]
            its_own = [key for own, _ in part for key in own]
            self._scripts.call("submit", BY, [*shared, *its_own], [bound, *(arg for _, own in part for arg in own)])

    def _run(self, ends: list[Finished]) -> None:
        keys = [self.keys.pending, self.keys.agent(AGENT), self.keys.held_tasks(AGENT), self.keys.task_prefix]
        self._scripts.call("claim", AGENT, keys, [AGENT, BOOT, len(ends)])
        self._store.report(ends, AGENT)

    def _submission(self, task_id: str, submission: Submission) -> tuple[list[str], list[str | int]]:
        task, fields = self.keys.task(task_id), fields_of(submission)
        return [task, self.keys.history(task_id), task], [task_id, submission.digest(), "", len(fields), *fields]


def _end(task_id: str, spec: Submission) -> Finished:
    task = Task(task_id, spec, Status.RUNNING, attempt=1, agent=AGENT, boot=BOOT)
    return Finished(task, success(), LogChunk(task, 0, ""))
