"""Pictures of figures as SVG that stands in the page itself; colours and fonts come from the page's style."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from common.bench.figures import Figure, Series, number, quantile

WIDTH, BAR, GAP = 640, 22, 12
LABEL, VALUE = 60, 150
"""Room before the bars for what they are, and behind them for how long they are."""
PLOT_HEIGHT, MARGIN = 230, 34


def bars(figure: Figure) -> str:
    """What dts reached above its floor, each with the range of its rounds."""
    longest = max(figure.dts.high, figure.floor.high) or 1.0
    scale = (WIDTH - LABEL - VALUE) / longest
    rows = (("dts", figure.dts), ("floor", figure.floor))
    parts = [part for row, (name, series) in enumerate(rows) for part in _bar(name, series, row, scale, figure.unit)]
    height = len(rows) * (BAR + GAP)
    return _svg(height, f"{figure.title}: dts {number(figure.dts.median)}, floor {number(figure.floor.median)}", parts)


def distribution(samples: Sequence[float], unit: str) -> str:
    """Which share of the samples was at most how long; the few longest leave the picture."""
    ordered = sorted(samples)
    step = _round(quantile(ordered, 0.995) / 4)
    longest = 4 * step
    width, base = WIDTH - LABEL - 20, PLOT_HEIGHT - MARGIN
    points = [
        f"{LABEL + min(value / longest, 1.0) * width:.1f},{base - (place + 1) / len(ordered) * (base - 10):.1f}"
        for place, value in enumerate(ordered)
    ]
    parts = [*_axes(step, width, base, unit), f'<polyline class="line" points="{" ".join(points)}"/>']
    return _svg(PLOT_HEIGHT, f"distribution of {len(ordered)} times", parts)


def _bar(name: str, series: Series, row: int, scale: float, unit: str) -> Iterator[str]:
    top, middle = row * (BAR + GAP), row * (BAR + GAP) + BAR / 2
    length = series.median * scale
    yield f'<text x="0" y="{middle + 4:.1f}">{escape(name)}</text>'
    yield f'<rect class="{escape(name)}" x="{LABEL}" y="{top}" width="{max(length, 1):.1f}" height="{BAR}" rx="3"/>'
    low, high = LABEL + series.low * scale, LABEL + series.high * scale
    yield f'<line class="range" x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}"/>'
    yield from (
        f'<circle class="run" cx="{LABEL + value * scale:.1f}" cy="{middle}" r="2.5"/>' for value in series.values
    )
    text = f"{number(series.median)} {unit}"
    yield f'<text x="{max(LABEL + length, high) + 8:.1f}" y="{middle + 4:.1f}">{escape(text)}</text>'


def _axes(step: float, width: float, base: float, unit: str) -> Iterator[str]:
    yield f'<line class="axis" x1="{LABEL}" y1="{base}" x2="{LABEL + width}" y2="{base}"/>'
    for share in (0.5, 0.9, 0.99):
        y = base - share * (base - 10)
        yield f'<line class="grid" x1="{LABEL}" y1="{y:.1f}" x2="{LABEL + width}" y2="{y:.1f}"/>'
        yield f'<text x="0" y="{y + 4:.1f}">{share:.0%}</text>'
    for tick in range(5):
        x = LABEL + width * tick / 4
        yield f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle">{escape(f"{step * tick:g}")}</text>'
    yield f'<text x="{LABEL + width}" y="{base + 32}" text-anchor="end">{escape(unit)}</text>'


def _round(value: float) -> float:
    """The next larger one of 1, 2, 5, 10, 20, 50 ..., or of 0.5, 0.2 ...; 1 where there is nothing to show."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= value)


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    box = f"0 0 {WIDTH} {height}"
    return f'<svg viewBox="{box}" role="img"><title>{escape(title)}</title>{"".join(parts)}</svg>'
