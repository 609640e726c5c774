"""Credits: how many tasks an agent may hold beyond its slots, by how fast it ends them."""

import math
from weakref import WeakKeyDictionary

from common.contracts import Candidate

AHEAD = 0.1
"""Seconds of work that an agent may have waiting: it is told again long before that is over."""
FORGET = 0.5
"""Seconds in which what an agent did counts half."""
LARGEST = 1000


class Credits:
    """Follows each agent's rate. One that ends nothing has no window: what it can't start stays with nobody.

    So a dead agent strands little, and a long task holds up none that another agent could run.
    """

    def __init__(self) -> None:
        self._rates: WeakKeyDictionary[Candidate, tuple[float, float, int]] = WeakKeyDictionary()
        """Of each: its rate a second, when that was seen, and the turn or count of what it had then."""

    def gave(self, candidate: Candidate) -> None:
        """It was given one more, and `candidate.held` counts it."""
        rate, seen, held = self._rates.get(candidate, (0.0, -math.inf, 0))
        self._rates[candidate] = rate, seen, held + 1

    def window(self, candidate: Candidate, held: int, now: float) -> int:
        """How many it may hold beyond its slots, when it holds so many at this monotonic time."""
        rate, seen, before = self._rates.get(candidate, (0.0, -math.inf, held))
        passed = now - seen
        if passed <= 0:
            return min(LARGEST, math.ceil(rate * AHEAD)) if rate >= 1 else 0
        if not math.isinf(passed):
            kept = 0.5 ** (passed / FORGET)
            rate = kept * rate + (1 - kept) * max(0, before - held) / passed
        self._rates[candidate] = rate, now, held
        return min(LARGEST, math.ceil(rate * AHEAD)) if rate >= 1 / AHEAD else 0
