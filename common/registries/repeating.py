"""Repeating: a thread that goes round and round, sooner when it is woken, until it is closed."""

import logging
import threading
from collections.abc import Callable

from common.clock import Clock
from common.domain.errors import DtsError, Unavailable

PAUSE_AFTER_TROUBLE = 0.2
"""Seconds before a step that failed is tried again."""
END_WITHIN = 2.0
"""Seconds that closing waits for the end; where that takes longer, it goes on by itself."""

log = logging.getLogger("dts.registry")


class Repeating:
    """Repeats `step`, which returns the seconds to rest before the next one; at the end it calls `finish`.

    Whatever a step raises is told once for each trouble, and waited out. `finish` is called again as long as it
    raises Unavailable: what it should give up would else stay, with a server that was away only for a moment.
    """

    def __init__(self, name: str, step: Callable[[], float], finish: Callable[[], None], clock: Clock) -> None:
        self._step, self._finish, self._clock = step, finish, clock
        self._ending, self._woken, self._abandoned = threading.Event(), threading.Event(), threading.Event()
        self._trouble = ""
        self._name = name
        self._thread = threading.Thread(target=self._repeat, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """The next step comes now; may be called from any thread."""
        self._woken.set()

    def end(self) -> None:
        """No further step begins; returns at once."""
        self._ending.set()
        self._woken.set()

    def abandon(self) -> None:
        """`finish` is not called again, for what it gives up is about to go without it; returns at once."""
        self._abandoned.set()

    def join(self, within: float = END_WITHIN) -> bool:
        """Wait for the end; whether it came. Called from its own thread it waits for nothing."""
        if self._thread.ident is not None and threading.current_thread() is not self._thread:
            self._thread.join(within)
        return not self._thread.is_alive()

    @property
    def ending(self) -> bool:
        return self._ending.is_set()

    def _repeat(self) -> None:
        while not self.ending:
            rest = self._tried()
            self._clock.wait(self._woken, rest)
            self._woken.clear()
        while not self._finished():
            self._clock.wait(self._abandoned, PAUSE_AFTER_TROUBLE)

    def _finished(self) -> bool:
        try:
            self._finish()
        except Unavailable as error:
            if not self._abandoned.is_set():
                self._say(error)
                return False
            log.warning("%s: not ended well, what is left runs out by itself: %s", self._name, error)
        except Exception:
            log.exception("%s: did not end well", self._name)
        return True

    def _tried(self) -> float:
        try:
            rest = self._step()
        except Exception as error:  # noqa: BLE001
            # The outermost loop: whatever went wrong, it goes on.
            self._say(error)
            return PAUSE_AFTER_TROUBLE
        if self._trouble:
            self._trouble = ""
            log.info("%s: going on", self._name)
        return rest

    def _say(self, error: Exception) -> None:
        trouble = "away" if isinstance(error, Unavailable) else repr(error)
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if isinstance(error, DtsError):
            log.warning("%s: waiting: %s", self._name, error)
        else:
            log.error("%s: step failed, and is tried again until it works", self._name, exc_info=error)
