"""The agent's way of telling a running executor to stop."""

import os
import threading

from common.domain.result import Reason


class CancelToken:
    """A contracts.Cancellation that the agent sets. Safe to use from any thread; nothing here blocks.

    Descriptors are only made when `fileno` is asked for: who never waits on it pays nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason = ""
        # A pipe, whose closed writing end makes the reading end readable for good.
        self._reading: int | None = None
        self._writing: int | None = None
        self._closed = False

    def set(self, reason: Reason) -> None:
        """Ask for the end of the attempt. The first reason stays; later calls do nothing."""
        with self._lock:
            if not self._reason:
                self._reason = reason.value
                self._hang_up()

    @property
    def reason(self) -> str:
        return self._reason

    def is_set(self) -> bool:
        return bool(self._reason)

    def fileno(self) -> int:
        """The descriptor to wait on. Raises OSError where the machine has none left, ValueError once closed."""
        with self._lock:
            if self._closed:
                raise ValueError("this cancellation is closed: its attempt is over")
            if self._reading is None:
                self._reading, self._writing = os.pipe()
                if self._reason:
                    self._hang_up()
            return self._reading

    def close(self) -> None:
        """Give the descriptors back, once the executor has returned. Harmless when repeated; so is `set` afterwards."""
        with self._lock:
            self._closed = True
            self._hang_up()
            if self._reading is not None:
                os.close(self._reading)
                self._reading = None

    def _hang_up(self) -> None:
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None
