"""How long what a registry said may be trusted: by our own clock, from before the question was sent."""

import math
import threading

from common.clock import Clock


def margin(seconds: float) -> float:
    """How much earlier than others one takes a lease of that length for over: clocks don't agree, threads pause."""
    return min(max(0.5, seconds / 10), seconds / 3)


class Lost(threading.Event):
    """Set by hand, or by itself when the time is up until which leadership was proved; never cleared.

    Who asks looks at the clock: also a thread that just wakes from a freeze never finds it unset too late.
    """

    def __init__(self, until: float, clock: Clock) -> None:
        super().__init__()
        self._until, self._clock = until, clock

    def trust(self, until: float) -> None:
        """Leadership was proved anew. Too late, it changes nothing."""
        if not self.is_set():
            self._until = max(self._until, until)

    def is_set(self) -> bool:
        if self._clock.monotonic() >= self._until:
            self.set()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        end = math.inf if timeout is None else self._clock.monotonic() + timeout
        while not self.is_set():
            now = self._clock.monotonic()
            if now >= end:
                return False
            super().wait(min(end, self._until) - now)
        return True
