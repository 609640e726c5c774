"""Told: what a boot was told is its own, until it has asked for it; and what it was granted before."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

Attempt = tuple[str, int]
REMEMBERED = 10_000
"""Attempts that are known to have been granted to this boot already; as many as may be told of twice."""


class Told:
    """Attempts as (task id, attempt), each once however often it is told of. Safe to use from many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Attempt] = deque()
        self._asked: Sequence[Attempt] = ()
        """Taken by `take`, and not settled yet."""
        self._granted: OrderedDict[Attempt, None] = OrderedDict()
        self._taken_at = time.monotonic()

    def __len__(self) -> int:
        return len(self._waiting)

    def note(self, attempts: Iterable[Attempt]) -> None:
        """Take in what was told; what is known already is left out."""
        with self._changed:
            for attempt in attempts:
                if not (attempt in self._granted or attempt in self._waiting or attempt in self._asked):
                    self._waiting.append(attempt)
            if self._waiting:
                self._changed.notify()

    def take(self, limit: int, timeout: float = 0.0) -> Sequence[Attempt]:
        """Up to `limit`, first told first, to be asked for now; waits up to `timeout` seconds for the first."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, timeout)
            if self._waiting:
                self._taken_at = time.monotonic()
            self._asked = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            return self._asked

    def settle(self, granted: Iterable[Attempt]) -> None:
        """What was taken has been answered; these were granted."""
        with self._changed:
            self._asked = ()
            for attempt in granted:
                self._granted[attempt] = None
                if len(self._granted) > REMEMBERED:
                    self._granted.popitem(last=False)

    def again(self) -> None:
        """No answer came for what was taken: it is asked for again."""
        with self._changed:
            self._waiting.extendleft(reversed(self._asked))
            self._asked = ()

    def drop(self, attempts: Iterable[Attempt] | None = None) -> list[Attempt]:
        """Forget these, or all, of those that were not taken yet; returns which."""
        with self._changed:
            wanted = set(self._waiting if attempts is None else attempts)
            dropped = [attempt for attempt in self._waiting if attempt in wanted]
            self._waiting = deque(attempt for attempt in self._waiting if attempt not in wanted)
            return dropped

    def unanswered(self) -> set[Attempt]:
        """All that were told of and neither granted nor refused."""
        with self._changed:
            return {*self._waiting, *self._asked}

    def idle(self) -> float:
        """Seconds since something was taken."""
        return time.monotonic() - self._taken_at

    def was_granted(self, attempt: Attempt) -> bool:
        with self._changed:
            return attempt in self._granted
