"""Slots: the threads in which an agent runs its tasks."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from stage1_mvp.runs import Run

IDLE = 30.0
"""Seconds after which a thread that has nothing to do ends."""


class Slots:
    """Calls `work` for each run given, each in a thread that has nothing else to do; `work` must not raise.

    Threads are made when they are needed and stay. Only one is woken at a time, and wakes the next as soon as it
    has taken something while more is left: where tasks end at once, one thread does them all, and the others sleep.
    `refused` hears of what the machine has no thread for. Safe to use from many threads; nothing here blocks.
    """

    def __init__(self, work: Callable[[Run], None], refused: Callable[[Run, RuntimeError], None]) -> None:
        self._work, self._refused = work, refused
        self._changed = threading.Condition()
        self._ready: deque[Run] = deque()
        self._asleep = 0
        self._waking = False
        self._closed = False

    def run(self, runs: Sequence[Run]) -> None:
        """Have them run; the caller sees to it that no more run at once than may."""
        with self._changed:
            self._ready.extend(runs)
        self._wake_one()

    def close(self) -> None:
        """End the threads: those that sleep at once, the others when they have done what they do."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wake_one(self) -> None:
        with self._changed:
            if self._waking or not self._ready:
                return
            self._waking = True
            if self._asleep:
                self._changed.notify()
                return
        try:
            threading.Thread(target=self._repeat, name="slot", daemon=True).start()
        except RuntimeError as error:
            self._refuse(error)

    def _repeat(self) -> None:
        while run := self._next():
            self._work(run)

    def _next(self) -> Run | None:
        with self._changed:
            # A thread that has just begun is awake now: the next may be woken.
            self._waking = False
            woken = True
            while woken and not self._ready and not self._closed:
                self._asleep += 1
                woken = self._changed.wait(IDLE)
                self._asleep -= 1
                self._waking = False
            run = self._ready.popleft() if self._ready else None
            more = bool(self._ready)
        if more:
            self._wake_one()
        return run

    def _refuse(self, error: RuntimeError) -> None:
        """Kept here, they would look as if they ran."""
        with self._changed:
            self._waking = False
            refused = list(self._ready)
            self._ready.clear()
        for run in refused:
            self._refused(run, error)
