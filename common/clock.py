"""Time as an argument, so that a test or a simulation can hold it still."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What code that needs time asks for. All values are seconds."""

    def time(self) -> float:
        """Wall time since 1970, for stamps that people read; it may jump."""
        ...

    def monotonic(self) -> float:
        """Time that only grows, for deadlines and leases."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Block until `event` is set or `seconds` have passed; returns whether it is set."""
        ...


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)
