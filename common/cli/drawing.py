"""Draws panels with rich. Whatever stands in them is made harmless first; long lines are cut to fit."""

from collections.abc import Collection, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from common.cli.console import Cell, one_line
from common.cli.panels import Content, Panel, Row
from common.lab.texts import Texts

LONGEST = 500
"""Characters of a cell that are looked at; no terminal shows more on one line."""


def drawing(
    panels: Sequence[Panel], phrases: Texts, fresh: Collection[tuple[str, str]] = (), *, commands: int = 9
) -> RenderableType:
    """All panels one below the other; rows that are `fresh` are marked, and up to so many commands shown."""
    return Group(*(part for panel in panels for part in _panel(panel, phrases, fresh, commands)))


def text(content: Content, style: str = "") -> Text:
    """A cell's content, harmless and on one line."""
    parts = content if isinstance(content, tuple) else (content,)
    joined = Text(no_wrap=True, overflow="ellipsis", style=style)
    for part in parts:
        cell = part if isinstance(part, Cell) else Cell(part)
        joined.append(one_line(cell.text[:LONGEST]), style=cell.style or None)
    return joined


def _panel(panel: Panel, phrases: Texts, fresh: Collection[tuple[str, str]], commands: int) -> Sequence[RenderableType]:
    title = Text(no_wrap=True, overflow="ellipsis")
    title.append(phrases(f"panel.{panel.id}"), style="bold")
    title.append("   " + " ; ".join(map(one_line, panel.commands[:commands])), style="dim")
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    grid.add_column("", width=1)
    for column in panel.columns:
        # rich makes only columns narrower that may wrap.
        grid.add_column(phrases(f"column.{column}"), overflow="ellipsis", no_wrap=column not in _ELASTIC)
    for row in panel.rows:
        _add(grid, row, new=(panel.id, row.key) in fresh, width=len(panel.columns))
    if not panel.rows:
        grid.add_row("", Text(phrases("panel.none"), style="dim"))
    return title, grid, Text()


_ELASTIC = ("last_change", "output", "first", "boot", "process", "log")


def _add(grid: Table, row: Row, *, new: bool, width: int) -> None:
    style = "bold" if new else ""
    cells = [*row.cells, *([row.moving] if len(row.cells) < width else [])]
    grid.add_row(Text("▸" if new else "", style="yellow"), *(text(cell, style) for cell in cells))
