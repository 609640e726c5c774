"""Slots: the threads in which an agent runs its tasks."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from stage1_mvp.runs import Run

IDLE = 30.0
"""Seconds after which a thread that has nothing to do ends."""
QUICK = 0.0003
"""Seconds; what takes less is over before another thread is awake."""
GLANCE = 0.001
"""Seconds between two looks whether quick runs are really being done one after the other."""


class Slots:
    """Calls `work` for each run given, each in a thread that has nothing else to do; `work` must not raise.

    Threads are made when they are needed and stay. Only one is woken at a time, and wakes the next as soon as it
    has taken something while more is left. Where runs are quick, it takes nothing as long as another thread gets
    on with them: one thread then does them all, and the time goes into the runs instead of into changing threads.
    `refused` hears of what the machine has no thread for. Safe to use from many threads; nothing here blocks.
    """

    def __init__(self, work: Callable[[Run], None], refused: Callable[[Run, RuntimeError], None]) -> None:
        self._work, self._refused = work, refused
        self._changed = threading.Condition()
        self._ready: deque[Run] = deque()
        self._asleep = 0
        self._waking = False
        """Whether a thread is awake that has taken nothing yet."""
        self._taken = 0
        self._at_work = 0
        """How many threads are about a run."""
        self._usual = 2 * QUICK
        """About how many seconds the last runs took."""
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
        called = True
        while run := self._next(called):
            begun = time.monotonic()
            self._work(run)
            self._usual += (time.monotonic() - begun - self._usual) / 8
            called = False

    def _next(self, called: bool) -> Run | None:
        """What a thread is to run next, None where it is to end. One that was `called` leaves it to who is at it."""
        with self._changed:
            if not called:
                self._at_work -= 1
            while not self._ready or (called and self._others_do_it()):
                if not self._ready:
                    self._waking = self._waking and not called
                    if not self._sleep():
                        self._waking = False
                        return None
                    called = True
            if called:
                self._waking = False
            self._taken += 1
            self._at_work += 1
            run, more = self._ready.popleft(), len(self._ready) > 0
        if more:
            self._wake_one()
        return run

    def _sleep(self) -> bool:
        """Until this thread is called; returns whether it was."""
        if self._closed:
            return False
        self._asleep += 1
        called = self._changed.wait(IDLE)
        self._asleep -= 1
        return bool(self._ready) or (called and not self._closed)

    def _others_do_it(self) -> bool:
        """Whether other threads, which are at work already, get on with what is ready; looks for a moment."""
        if self._usual > QUICK or not self._at_work:
            return False
        seen = self._taken
        self._changed.wait(GLANCE)
        if self._taken != seen:
            return True
        self._usual = 2 * QUICK
        return False

    def _refuse(self, error: RuntimeError) -> None:
        """Kept here, they would look as if they ran."""
        with self._changed:
            self._waking = False
            refused = list(self._ready)
            self._ready.clear()
            self._taken += len(refused)
        for run in refused:
            self._refused(run, error)
