"""What an agent holds: each attempt from the moment it was granted until its end is stored."""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from common.domain.result import Reason, Result
from common.domain.task import Task
from common.executors.cancel import CancelToken
from common.executors.output import TaskOutput

log = logging.getLogger("dts.agent")

GATHER_WITHIN = 0.001
"""Seconds that a busy agent's free slot waits for others to be filled with it."""


@dataclass(slots=True, eq=False)
class Run:
    """One attempt in this process. `result` is set once, when it has ended."""

    task: Task
    output: TaskOutput
    cancelled: CancelToken = field(default_factory=CancelToken)
    result: Result | None = None
    told: bool = False
    """Whether somebody was told that it runs."""
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    @property
    def seconds(self) -> float:
        """For how long it has run, or ran."""
        return (self.ended or time.monotonic()) - self.began


class Runs:
    """The attempts that this agent holds. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # One for each thing that is waited for: an end wakes nobody who still has to wait.
        self._room, self._idle, self._some_ended = (threading.Condition(self._lock) for _ in range(3))
        self._held: dict[tuple[str, int], Run] = {}
        self._ended: list[tuple[Run, Result]] = []
        self._executing = 0
        self._slots = 0
        self._wanted = 0
        """How much room somebody waits for; 0 while nobody does."""
        self._ending: Reason | None = None
        self._silent = False

    def add(self, tasks: Iterable[Task]) -> list[Run]:
        """Hold more attempts, about to execute; those that come after `end_all` are asked to end at once."""
        runs = [Run(task, TaskOutput(task.spec.output_limit)) for task in tasks]
        with self._lock:
            if not self._held:
                self._some_ended.notify()
            for run in runs:
                if self._ending:
                    run.cancelled.set(self._ending)
                self._held[run.task.task_id, run.task.attempt] = run
            self._executing += len(runs)
        return runs

    def ended(self, run: Run, result: Result) -> None:
        """Its execution is over: the slot is free, its end is yet to be stored."""
        with self._lock:
            run.result, run.ended = result, time.monotonic()
            self._executing -= 1
            self._ended.append((run, result))
            self._some_ended.notify()
            self._tell_of_room()
            if self._executing == 0:
                self._idle.notify_all()
        run.cancelled.close()

    def drop(self, runs: Iterable[Run]) -> None:
        """Their ends are stored, or are no longer ours to store."""
        with self._lock:
            for run in runs:
                self._held.pop((run.task.task_id, run.task.attempt), None)
            self._tell_of_room()

    def held(self) -> list[Run]:
        with self._lock:
            return list(self._held.values())

    def running(self) -> list[Run]:
        """What is held and has not ended."""
        return [run for run in self.held() if run.result is None]

    def keys(self) -> set[tuple[str, int]]:
        """(task id, attempt) of all that is held."""
        with self._lock:
            return set(self._held)

    def executing(self) -> int:
        with self._lock:
            return self._executing

    def cancel(self, task_id: str, attempt: int | None = None) -> None:
        """Ask what runs of one task to end, or only that attempt of it; what has ended is left alone."""
        for run in self.running():
            if run.task.task_id == task_id and attempt in (None, run.task.attempt):
                if not run.cancelled.is_set():
                    log.info("cancelled: it is ended", extra={"task_id": task_id, "attempt": run.task.attempt})
                run.cancelled.set(Reason.CANCELLED)

    def end_all(self, reason: Reason) -> None:
        """Ask all that runs to end, and all that is still to come: a grant may be on its way."""
        with self._lock:
            self._ending = reason
        for run in self.running():
            run.cancelled.set(reason)

    def fall_silent(self) -> None:
        """Hand out no end any more: this process is about to die, and what it held is its successor's to tell."""
        with self._lock:
            self._silent = True

    def wait_for_room(self, slots: int, seconds: float) -> int:
        """How many more may be taken; waits up to `seconds` for the first.

        A slot is free when its task has ended. But where ends can't be stored, no more than another `slots`
        are run, for nobody would hear of them; and after `end_all` nothing is, for it would be ended at once.
        """
        with self._lock:
            self._slots = slots
            self._wait_for_room(1, seconds)
            # To take one costs as much as to take many: while most slots are busy, wait for a few, but not long.
            self._wait_for_room(slots // 4, GATHER_WITHIN)
            return self._free()

    def wait_idle(self, seconds: float | None = None) -> bool:
        """Wait until nothing executes, at most so many seconds where some are given; returns whether that is so."""
        with self._lock:
            return self._idle.wait_for(lambda: self._executing == 0, seconds)

    def take_ended(self, seconds: float, idle: float = 0.0) -> list[tuple[Run, Result]]:
        """Attempts that have ended since the last call, with their results; waits up to `seconds` for the first.

        Where nothing is held that could end, it waits up to `idle` seconds for something that is.
        """
        with self._lock:
            if not self._some_ended.wait_for(lambda: self._held, idle):
                return []
            self._some_ended.wait_for(lambda: self._ended and not self._silent, seconds)
            if self._silent:
                return []
            ended, self._ended = self._ended, []
            return ended

    def _free(self) -> int:
        return 0 if self._ending else max(0, min(self._slots - self._executing, 2 * self._slots - len(self._held)))

    def _wait_for_room(self, wanted: int, seconds: float) -> None:
        self._wanted = wanted
        self._room.wait_for(lambda: self._free() >= wanted, seconds)
        self._wanted = 0

    def _tell_of_room(self) -> None:
        if self._wanted and self._free() >= self._wanted:
            self._room.notify()
