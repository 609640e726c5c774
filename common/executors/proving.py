"""Ending what an attempt started, and keeping book of it: who was signalled, how, how long it took."""

import signal
import time

from common.domain.result import Proof
from common.executors.enclosure import Enclosure
from common.executors.remains import GONE_WITHIN

_ROUNDS = 10


class Proving:
    """Signals all processes of an attempt, and says in the end what it took. Called from the attempt's thread alone."""

    def __init__(self, enclosure: Enclosure) -> None:
        self._enclosure = enclosure
        self._signals: list[tuple[str, int]] = []
        self._first: float | None = None
        self._first_kill: float | None = None

    @property
    def killed(self) -> bool:
        return self._first_kill is not None

    def terminate(self) -> None:
        """Ask all to end."""
        self._first = self._first or time.monotonic()
        self._note("TERM", self._enclosure.signal(signal.SIGTERM))
        # What is stopped can't end.
        self._enclosure.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End all; blocks until none is left, for at most about a second."""
        now = time.monotonic()
        self._first, self._first_kill = self._first or now, self._first_kill or now
        self._note("KILL", self._enclosure.kill(GONE_WITHIN))

    def clear(self) -> int:
        """KILL what is left, again and again; returns how many survive after about ten seconds."""
        for _ in range(_ROUNDS):
            if not self._enclosure.left():
                return 0
            self.kill()
        return self._enclosure.left()

    def proof(self, *, ended_at: float, certain: bool) -> Proof:
        """What stands in the task's history; `ended_at` is the monotonic time at which none was left."""
        if not self._signals:
            return Proof(self._enclosure.means, certain)
        return Proof(
            self._enclosure.means,
            certain,
            tuple(self._signals),
            seconds=None if self._first is None else ended_at - self._first,
            after_kill=None if self._first_kill is None else ended_at - self._first_kill,
        )

    def _note(self, name: str, count: int) -> None:
        if count:
            self._signals.append((name, count))
