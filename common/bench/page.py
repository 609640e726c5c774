"""A report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby

from common.bench.charts import bars, distribution
from common.bench.figures import QUIET, RATE, Figure, Sheet, number

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --paper: #ffffff; --rule: #d1d9e0;
  --dts: #0969da; --floor: #a9b4c0; --mark: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --paper: #0d1117; --rule: #3d444d;
  --dts: #4493f8; --floor: #59636e; --mark: #d29922; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 52rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin-bottom: .2rem; }
.dim { color: var(--dim); } .mark { color: var(--mark); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--rule); padding: .3rem .5rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dd { margin: 0; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
.dts { fill: var(--dts); } .floor { fill: var(--floor); } .run { fill: var(--ink); }
.range, .axis { stroke: var(--ink); } .grid { stroke: var(--rule); }
.line { fill: none; stroke: var(--dts); stroke-width: 2; }
"""


def page(sheet: Sheet) -> str:
    """The whole page; every text in it is escaped."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><title>dts bench</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # Even a text that were not escaped could load nothing.
            """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">""",
            f"<style>{STYLE}</style></head><body>",
            *_head(sheet),
            _table(sheet.figures),
            *_sections(sheet.figures),
            "</body></html>\n",
        ]
    )


def relation(figure: Figure) -> str:
    """What dts leaves of its floor, or how many times longer it takes."""
    return f"{figure.ratio:.0%}" if figure.unit == RATE else f"{figure.ratio:.2g} ×"


def _head(sheet: Sheet) -> Iterator[str]:
    yield "<h1>dts bench</h1>"
    yield (
        "<p>Each figure stands beside its floor, measured in the same run: the same work without an agent. "
        f"Of {sheet.rounds} rounds the median is shown, with the lowest and the highest.</p>"
    )
    if sheet.noisy:
        noisy = ", ".join(sheet.noisy)
        yield (
            f'<p class="mark">Other programs kept more than {QUIET:g} cores busy beside these: {escape(noisy)}. '
            "They would be better on a quiet machine.</p>"
        )
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in sheet.machine.items())
    yield f'<dl class="dim">{rows}</dl>'


def _table(figures: Iterable[Figure]) -> str:
    heads = ("", "dts", "range", "floor", "of floor", "others")
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(figure))}</tr>" for figure in figures)
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{rows}</table>"


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.title,
        f"{number(figure.dts.median)} {figure.unit}",
        f"{number(figure.dts.low)} – {number(figure.dts.high)}",
        number(figure.floor.median),
        relation(figure),
        f"{figure.others:.2f} cores",
    )


def _sections(figures: Iterable[Figure]) -> Iterator[str]:
    for section, members in groupby(figures, key=lambda figure: figure.section):
        yield f"<h2>{escape(section)}</h2>"
        for figure in members:
            yield f'<h3>{escape(figure.title)}</h3><p class="dim">floor: {escape(figure.floor_title)}</p>'
            yield bars(figure)
            if figure.samples:
                yield distribution(figure.samples, figure.unit)
