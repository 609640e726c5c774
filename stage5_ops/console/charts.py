"""Charts as SVG paths: lines over the last minutes, and the life of a task as bars. Only numbers go in and out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stage5_ops.console.glance import Sample
from stage5_ops.console.shown import seconds_of

WIDTH, HEIGHT = 600.0, 120.0
LONG = 300.0
"""Seconds that a chart shows."""
GAP = 10.0
"""Seconds without a sample after which a line is broken."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    path: str
    area: str
    """The same, closed along the ground."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines with one scale, from 0 to `top`."""

    lines: Sequence[Line]
    top: float


def chart(samples: Sequence[Sample], now: float, *values: Callable[[Sample], float]) -> Chart:
    """A line for each of the values."""
    top = _nice(max((value(one) for one in samples for value in values), default=0.0))
    return Chart([_line(samples, now, value, top) for value in values], top)


def _line(samples: Sequence[Sample], now: float, value: Callable[[Sample], float], top: float) -> Line:
    parts: list[list[tuple[float, float]]] = []
    last = float("-inf")
    for one in samples:
        if one.at - last > GAP:
            parts.append([])
        last = one.at
        x = WIDTH * (1 - (now - one.at) / LONG)
        if x >= 0:
            parts[-1].append((x, HEIGHT - (HEIGHT - 4) * value(one) / top))
    drawn = [part for part in parts if part]
    path = " ".join("M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in part) for part in drawn)
    area = " ".join(_closed(part) for part in drawn)
    return Line(path, area)


def _closed(part: Sequence[tuple[float, float]]) -> str:
    line = " L".join(f"{x:.1f} {y:.1f}" for x, y in part)
    return f"M{part[0][0]:.1f} {HEIGHT:.0f} L{line} L{part[-1][0]:.1f} {HEIGHT:.0f} Z"


def _nice(most: float) -> float:
    """The next round number."""
    step = 1.0
    while True:
        for factor in (1, 2, 5):
            if most <= factor * step:
                return factor * step
        step *= 10


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a task's life, in percent of it: given (to an agent, not begun) or running, or how it ended."""

    kind: str
    x: float
    width: float


def bars(task: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]], now: float) -> list[list[Bar]]:
    """Of each attempt its pieces, on one scale from when the task was made until it ended, or now."""
    begin = seconds_of(task["createdAt"]) or now
    end = seconds_of(task["finishedAt"]) or now
    scale = 100 / max(0.001, end - begin)

    def piece(kind: str, first: float | None, last: float | None) -> Iterator[Bar]:
        if first is not None:
            x = min(99.0, max(0.0, (first - begin) * scale))
            yield Bar(kind, round(x, 2), round(max(0.6, min(100 - x, ((last or end) - first) * scale)), 2))

    rows = []
    for one in attempts:
        given, started, ended = (seconds_of(one[name]) for name in ("assignedAt", "startedAt", "endedAt"))
        how = str((one["ended"] or {}).get("to", "RUNNING"))
        rows.append([*piece("given", given, started or ended), *piece(_kind(one, how), started, ended)])
    return rows


def _kind(attempt: Mapping[str, Any], how: str) -> str:
    # An attempt after which the task waits again did not succeed.
    if not attempt["ended"]:
        return "running"
    taken_back = "failed" if attempt["ended"].get("verb") == "report" else "cancelled"
    return taken_back if how == "PENDING" else how.lower()
