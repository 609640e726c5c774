"""Lookout: how some place is, for who may not wait; asked in a thread of its own while somebody wants to know."""

import threading
from collections.abc import Callable
from typing import Any

from common.clock import Clock
from common.domain.errors import DtsError
from common.service import Service

FIRST = 1.0
"""Seconds for which the first who asks waits."""
NOTICED = 0.2
"""Seconds within which it is noticed that somebody asks."""
REST = 0.5
"""Seconds between two looks."""


class Lookout(Service):
    """Looks while it is asked, and else rests. `seen` may be called from many threads, and never waits for long."""

    def __init__(self, name: str, look: Callable[[], Any], clock: Clock, every: float = REST) -> None:
        self.name = f"lookout-{name}"
        self.place = name
        self._look, self._clock, self._every = look, clock, every
        self._wanted = threading.Event()
        self._told = threading.Condition()
        self._value: Any = None
        self._why: str | None = None
        self._at = self._asked_at = 0.0
        self._took = 0.0

    def step(self) -> float:
        if not self._wanted.is_set():
            # A rest, and no wait: who is stopped meanwhile is so at once.
            return NOTICED
        self._wanted.clear()
        begun = self._asked_at = self._clock.monotonic()
        try:
            value, why = self._look(), ""
        except DtsError as error:
            value, why = None, str(error)
        with self._told:
            now = self._clock.monotonic()
            self._value, self._why, self._at, self._took = value, why, now, now - begun
            self._told.notify_all()
        return self._every

    def seen(self) -> tuple[Any, dict[str, Any]]:
        """What was seen last, None where nothing can be; and how the place is, for people: name, ok, why, age, took."""
        self._wanted.set()
        with self._told:
            self._told.wait_for(lambda: self._why is not None, FIRST)
            if self._why is None:
                return None, {"name": self.place, "ok": False, "why": "it does not answer", "age": None, "took": None}
            now = self._clock.monotonic()
            # A look that hangs is told as such: what was seen before it may be long over.
            hangs = self._asked_at > self._at and now - self._asked_at > 2 * FIRST
            why = self._why or ("it does not answer" if hangs else "")
            seen = {"age": round(now - self._at, 3), "took": round(self._took, 4)}
            return self._value, {"name": self.place, "ok": not why, "why": why, **seen}
