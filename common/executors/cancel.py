"""The agent's way of telling a running executor to stop."""

import os
import threading

from common.domain.result import Reason


class CancelToken:
    """A contracts.Cancellation that the agent sets. Safe to use from any thread; nothing here blocks.

    The file descriptor is only made when `fileno` is asked for, so other executors pay nothing for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason = ""
        self._readable: int | None = None
        self._closed = False

    def set(self, reason: Reason) -> None:
        """Ask for the end of the attempt. The first reason stays; later calls do nothing."""
        with self._lock:
            if self._reason:
                return
            self._reason = reason.value
            if self._readable is not None:
                _signal(self._readable)

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
            if self._readable is None:
                self._readable = os.eventfd(1 if self._reason else 0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            return self._readable

    def close(self) -> None:
        """Give the descriptor back, when the executor has returned. `set` is harmless afterwards."""
        with self._lock:
            self._closed = True
            if self._readable is not None:
                os.close(self._readable)
                self._readable = None


def _signal(fd: int) -> None:
    os.eventfd_write(fd, 1)
