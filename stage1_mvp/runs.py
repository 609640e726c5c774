"""What an agent holds: each attempt from the moment it was granted until its end is stored."""

import threading
from dataclasses import dataclass, field

from common.domain.result import Reason, Result
from common.domain.task import Task
from common.executors.cancel import CancelToken
from common.executors.output import TaskOutput


@dataclass(slots=True, eq=False)
class Run:
    """One attempt in this process. `result` is set once, when it has ended."""

    task: Task
    output: TaskOutput
    cancelled: CancelToken = field(default_factory=CancelToken)
    result: Result | None = None


class Runs:
    """The attempts that this agent holds. Safe to use from many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[tuple[str, int], Run] = {}
        self._executing = 0
        self._ending: Reason | None = None
        self._silent = False

    def add(self, task: Task) -> Run:
        """Hold one more attempt, about to execute; one that comes after `end_all` is asked to end at once."""
        run = Run(task, TaskOutput(task.spec.output_limit))
        with self._changed:
            if self._ending:
                run.cancelled.set(self._ending)
            self._held[task.task_id, task.attempt] = run
            self._executing += 1
        return run

    def ended(self, run: Run, result: Result) -> None:
        """Its execution is over: the slot is free, its end is yet to be stored."""
        with self._changed:
            run.result = result
            self._executing -= 1
            self._changed.notify_all()
        run.cancelled.close()

    def drop(self, run: Run) -> None:
        """Its end is stored, or is no longer ours to store."""
        with self._changed:
            self._held.pop((run.task.task_id, run.task.attempt), None)
            self._changed.notify_all()

    def held(self) -> list[Run]:
        with self._changed:
            return list(self._held.values())

    def keys(self) -> set[tuple[str, int]]:
        """(task id, attempt) of all that is held."""
        with self._changed:
            return set(self._held)

    def executing(self) -> int:
        with self._changed:
            return self._executing

    def cancel(self, task_id: str) -> None:
        """Ask what runs of one task to end; what has ended is left alone."""
        for run in self.held():
            if run.result is None and run.task.task_id == task_id:
                run.cancelled.set(Reason.CANCELLED)

    def end_all(self, reason: Reason) -> None:
        """Ask all that runs to end, and all that is still to come: a grant may be on its way."""
        with self._changed:
            self._ending = reason
            running = [run for run in self._held.values() if run.result is None]
        for run in running:
            run.cancelled.set(reason)

    def fall_silent(self) -> None:
        """Hand out no end any more: this process is about to die, and what it held is its successor's to tell."""
        with self._changed:
            self._silent = True

    def wait_for_room(self, slots: int, seconds: float) -> int:
        """How many more may be taken; waits up to `seconds` for the first.

        A slot is free when its task has ended. But where ends can't be stored, no more than another `slots`
        are run, for nobody would hear of them; and after `end_all` nothing is, for it would be ended at once.
        """

        def room() -> int:
            return 0 if self._ending else min(slots - self._executing, 2 * slots - len(self._held))

        with self._changed:
            self._changed.wait_for(lambda: room() > 0, seconds)
            return max(0, room())

    def wait_idle(self, seconds: float | None = None) -> bool:
        """Wait until nothing executes, at most so many seconds where some are given; returns whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._executing == 0, seconds)

    def wait_for_end(self, seconds: float) -> list[tuple[Run, Result]]:
        """Attempts that have ended and are not dropped yet, with their results; waits up to `seconds` for the first."""
        with self._changed:
            self._changed.wait_for(lambda: not self._silent and any(run.result for run in self._held.values()), seconds)
            return [] if self._silent else [(run, run.result) for run in self._held.values() if run.result]
