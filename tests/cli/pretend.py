"""An agent that does with its tasks what a test says."""

from redis import Redis

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.reports import Finished, LogChunk
from common.domain.result import Reason, Result, failure, success
from common.domain.status import Status
from common.domain.task import Submission, Task
from common.store.leases import Leases
from common.store.tasks import TaskStore

AGENT, BOOT = "agent-1", "boot-1"


class PretendAgent:
    """Takes one task at a time, as a real agent would, under one boot."""

    def __init__(self, store: TaskStore, redis: Redis) -> None:
        self._store = store
        self._task: Task | None = None
        self._offset = 0
        Leases(redis, store.keys).take(AGENT, BOOT, 3600, {"slots": 1})

    def is_given(self, submission: Submission) -> None:
        self._store.submit([submission], "test", Ids(SystemClock()))

    def takes(self) -> bool:
        """Claim the next ready task; whether there was one."""
        claimed = self._store.claim(AGENT, BOOT, 1)
        assert claimed is not None
        self._task, self._offset = (claimed[0], 0) if claimed else (None, 0)
        return bool(claimed)

    def prints(self, text: str) -> None:
        self._store.log([LogChunk(self.task, self._offset, text)], AGENT)
        self._offset += len(text.encode(errors="surrogateescape"))

    def succeeds(self, output: str = "") -> None:
        self._ends(success(output, len(output)), output)

    def fails(self, exit_code: int = 3, error: str = "exit code 3") -> None:
        self._ends(failure(Reason.EXIT_CODE, error, exit_code=exit_code))

    def cancels(self) -> None:
        self._ends(Result(Status.CANCELLED, Reason.CANCELLED))

    @property
    def task(self) -> Task:
        assert self._task is not None, "the agent has no task"
        return self._task

    def _ends(self, result: Result, log: str = "") -> None:
        self._store.report([Finished(self.task, result, LogChunk(self.task, self._offset, log))], AGENT)
