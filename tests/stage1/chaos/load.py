"""The load: short tasks, pushed into the queue without a pause, whoever is up to take them."""

import random
import threading

from tests.stage1.desk import Desk
from tests.stage1.journal import Journal

EVERY = 0.1
"""Seconds between two pushes."""
SHORT = (0, 0, 0.01, 0.05)
"""Seconds that tasks take beside what it takes to start them."""


class Load:
    """Pushes `rate` tasks a second in a thread of its own, from `start` until `stop`."""

    def __init__(self, desk: Desk, journal: Journal, rate: float, rng: random.Random) -> None:
        self.pushed: list[str] = []
        self._desk, self._journal, self._rng = desk, journal, rng
        self._portion = max(1, round(rate * EVERY))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._push, name="load")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[str]:
        """Returns the ids of all that was pushed."""
        self._stop.set()
        self._thread.join()
        return self.pushed

    def _push(self) -> None:
        while not self._stop.wait(EVERY):
            contents = [self._journal.task(self._rng.choice(SHORT)) for _ in range(self._portion)]
            self.pushed += self._desk.push_many(contents)
