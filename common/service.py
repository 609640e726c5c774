"""What runs: services with one bounded step, and the host that repeats their steps in threads."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence

from common.clock import Clock
from common.domain.errors import DtsError, Unavailable

PAUSE_AFTER_TROUBLE = 0.5
"""Seconds before a step that failed is tried again."""


class Service(ABC):
    """One duty. `step` does a bounded piece of it; a thread, a test or a simulation repeats it.

    `step` is called from one thread at a time, and never again once `close` was called. It may raise:
    what dts raises on purpose is waited out, anything else is logged with its stack, and the next step
    comes all the same. It returns how many seconds to rest before the next one; who blocks by itself returns 0.
    """

    name = "service"

    @abstractmethod
    def step(self) -> float:
        """Do a bounded piece of the duty; blocks for a second or two at most."""

    def close(self) -> None:  # noqa: B027 - most duties have nothing to finish
        """Finish what was begun; may block as long as the service's own settings say."""


class Host:
    """Runs services in a thread each: started in order, stopped in reverse.

    The order is a promise to the services: while one closes, those before it still run.
    """

    def __init__(self, services: Sequence[Service], clock: Clock) -> None:
        self._runners = [_Runner(service, clock) for service in services]

    def start(self) -> None:
        """Start all; returns at once."""
        for runner in self._runners:
            runner.start()

    def stop(self) -> None:
        """Stop and close one after the other, last first; returns when all have closed."""
        for runner in reversed(self._runners):
            runner.stop()

    def abandon(self) -> None:
        """Stop all loops without closing anything, as if the process had died; returns when none goes round."""
        for runner in self._runners:
            runner.stopping.set()
        for runner in self._runners:
            runner.join()


class _Runner:
    def __init__(self, service: Service, clock: Clock) -> None:
        self.stopping = threading.Event()
        self._service = service
        self._clock = clock
        self._log = logging.getLogger(f"dts.{service.name}")
        self._thread = threading.Thread(target=self._repeat, name=service.name, daemon=True)
        self._trouble = ""

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def stop(self) -> None:
        self.stopping.set()
        self.join()
        try:
            self._service.close()
        except Exception:  # noqa: BLE001
            # The others still have their own to finish, the lease to give back last of all.
            self._log.exception("did not close well")

    def _repeat(self) -> None:
        while not self.stopping.is_set():
            try:
                rest = self._service.step()
                self._back()
                if rest > 0:
                    self._clock.wait(self.stopping, rest)
            except Exception as error:  # noqa: BLE001
                # The outermost loop: whatever went wrong, the duty goes on.
                self._say(error)
                self._clock.wait(self.stopping, PAUSE_AFTER_TROUBLE)

    def _say(self, error: Exception) -> None:
        # Once for each trouble, however often it is met: two lines a second would bury all else.
        trouble = "away" if isinstance(error, Unavailable) else repr(error)
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if isinstance(error, DtsError):
            self._log.warning("waiting: %s", error)
        else:
            self._log.error("step failed, and is tried again until it works", exc_info=error)

    def _back(self) -> None:
        if self._trouble:
            self._trouble = ""
            self._log.info("going on")
