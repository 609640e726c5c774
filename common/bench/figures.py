"""What was measured: figures with their floors, and how they relate."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

RATE, TIME = "tasks/s", "ms"
QUIET = 0.35
"""Cores that others may keep busy; what is measured beside more than that is marked."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement: what dts reached, and what the floor was right before or after it."""

    figure: str
    value: float
    floor: float
    samples: tuple[float, ...] = ()
    """The single times that `value` was taken from, where it was taken from many."""


@dataclass(frozen=True, slots=True)
class Series:
    """The same thing measured once a round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    def record(self) -> dict[str, Any]:
        return {"median": self.median, "low": self.low, "high": self.high, "runs": list(self.values)}


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. A rate wants to be as high as its floor, a time as low."""

    id: str
    section: str
    title: str
    floor_title: str
    unit: str
    dts: Series
    floor: Series
    others: float
    """How many cores others kept busy meanwhile, in the worst round."""
    samples: tuple[float, ...] = ()

    @property
    def ratio(self) -> float:
        """Of a rate the part of its floor that dts leaves, of a time how many times longer it takes."""
        return self.dts.median / self.floor.median if self.floor.median else math.inf

    @property
    def quiet(self) -> bool:
        return self.others <= QUIET

    def record(self) -> dict[str, Any]:
        """For programs."""
        return {
            "id": self.id,
            "section": self.section,
            "title": self.title,
            "unit": self.unit,
            "dts": self.dts.record(),
            "floor": {"title": self.floor_title, **self.floor.record()},
            "ratio": self.ratio,
            "othersCores": self.others,
            "quiet": self.quiet,
        }


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that one run of `dts bench` measured, and where."""

    machine: dict[str, str]
    rounds: int
    figures: Sequence[Figure] = field(default_factory=list)

    @property
    def noisy(self) -> list[str]:
        """The figures beside which others kept the machine busy."""
        return [figure.id for figure in self.figures if not figure.quiet]

    def record(self) -> dict[str, Any]:
        """For programs."""
        return {
            "schema": 1,
            "machine": self.machine,
            "rounds": self.rounds,
            "quiet": not self.noisy,
            "figures": [figure.record() for figure in self.figures],
        }


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest of the values that is not exceeded by `share` (0 to 1) of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]


def number(value: float) -> str:
    """As many digits as mean something, thousands parted: 12,345 · 98.7 · 1.23 · 0.045."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"
