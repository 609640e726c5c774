"""Credits: how many tasks an agent may hold beyond its slots, by how fast it ends them."""

import math
from weakref import WeakKeyDictionary

from common.contracts import Candidate

AHEAD = 0.1
"""Seconds of work that an agent may have waiting: it is told again long before that is over."""
FORGET = 0.5
"""Seconds in which the highest rate that was seen counts half."""
SHORTEST = 0.01
"""Seconds over which a rate is taken: in less than that, few ends look like many."""
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
        if passed >= SHORTEST:
            # An agent can't end more than it has: a rate that was held down by that grows at once with what it gets.
            rate = max(0.5 ** (passed / FORGET) * rate, max(0, before - held) / passed)
            self._rates[candidate] = rate, now, held
        return min(LARGEST, math.ceil(rate * AHEAD)) if rate >= 1 / AHEAD else 0
