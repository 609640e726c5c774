"""Quiet: what is promised "within so many seconds" is promised of time in which nobody breaks anything."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quiet:
    """Knows when something was broken on purpose: windows of seconds since 1970, in their order."""

    broken: Sequence[tuple[float, float]] = ()

    def later(self, at: float, seconds: float) -> float:
        """The moment by which so many seconds after `at` have passed without a break between them.

        Each fault begins the wait anew: what it hurt has to recover first.
        """
        deadline = at + seconds
        for begun, over in self.broken:
            if begun <= deadline and over >= at:
                deadline = max(deadline, over + seconds)
        return deadline
