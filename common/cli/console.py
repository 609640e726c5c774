r"""How commands show things: tables and colours on a terminal, plain text in a pipe, or one JSON document.

Whatever comes from a task (its name, output, errors) may be hostile. Everything printed here is made
harmless first: control characters and terminal sequences appear as text like `\x1b`, and nothing is markup.
rich is imported only when something is drawn on a terminal.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STATUS_STYLES: Mapping[str, str] = {
    "PENDING": "yellow",
    "SCHEDULED": "cyan",
    "DISPATCHED": "cyan",
    "RUNNING": "bold blue",
    "SUCCESS": "green",
    "FAILED": "bold red",
    "CANCELLED": "magenta",
}
"""The colour of each status, in rich's words; used wherever a status is shown."""

# C0, DEL and C1 controls; marks that reorder or break lines; halves of surrogate pairs (bytes that were no UTF-8).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table: `text` for people, with a style in rich's words; `plain`, if given, for programs."""

    text: str
    style: str = ""
    plain: str | None = None


def status_cell(status: str) -> Cell:
    """A status in its colour."""
    return Cell(status, STATUS_STYLES.get(status, ""))


def one_line(text: str) -> str:
    """`text` with every control character, also tabs and line ends, as a visible escape."""
    return _UNSAFE.sub(lambda match: _escape(match[0]), text)


def many_lines(text: str) -> str:
    """`text` with its tabs and line ends kept and every other control character as a visible escape."""
    return _UNSAFE.sub(lambda match: match[0] if match[0] in "\n\t" else _escape(match[0]), text)


def on_terminal() -> bool:
    """Whether a person looks at what we print."""
    return sys.stdout.isatty()


def colour_wanted(stream: IO[str]) -> bool:
    """Whether `stream` shows colours and nobody asked for none (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(text: str) -> None:
    """One line of result on stdout."""
    click.echo(one_line(text))


def note(*parts: Cell | str) -> None:
    """One line beside the result, on stderr; the parts are joined by spaces."""
    if not colour_wanted(sys.stderr):
        click.echo(" ".join(_plain(part) for part in parts), err=True)
        return
    terminal(sys.stderr).print(_joined(parts))


@contextmanager
def waiting(*parts: Cell | str) -> Iterator[Callable[..., None]]:
    """A moving line on stderr for as long as the block takes; yields what changes its parts. Nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    with terminal(sys.stderr).status(_joined(parts)) as line:
        yield lambda *parts: line.update(_joined(parts))


def document(value: Any) -> None:
    """`value` as one JSON document that is also safe to look at on a terminal."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not utf8, indent=2)
    click.echo(_UNSAFE.sub(lambda match: match[0] if match[0] == "\n" else _json_escape(match[0]), text))


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell | str]], *, elastic: Sequence[str] = ()) -> None:
    """A table with headings on a terminal, where `elastic` columns are cut to fit; bare tab-separated rows in a pipe.

    Rows come without headings in a pipe, so that `cut`, `awk` and `while read` need skip nothing.
    """
    if on_terminal():
        _draw_table(columns, rows, elastic)
        return
    for row in rows:
        click.echo("\t".join(_plain(cell) for cell in row))


def details(pairs: Iterable[tuple[str, Cell | str]]) -> None:
    """Names and values, one pair a line; on a terminal a value may take several lines."""
    if on_terminal():
        _draw_details(pairs)
        return
    for name, value in pairs:
        click.echo(f"{name}\t{_plain(value)}")


def terminal(stream: IO[str] | None = None) -> "Console":
    """A rich console on `stream` (default stdout) that interprets no markup and highlights nothing."""
    from rich.console import Console

    return Console(
        file=stream or sys.stdout, force_terminal=True, markup=False, highlight=False, emoji=False, legacy_windows=False
    )


def _escape(char: str) -> str:
    # \udc80 and up are single bytes that were no UTF-8, as surrogateescape keeps them.
    return char.encode("unicode_escape").decode().replace("\\udc", "\\x")


def _json_escape(char: str) -> str:
    # Strict readers refuse half a surrogate pair even as an escape.
    return "\ufffd" if "\ud800" <= char <= "\udfff" else f"\\u{ord(char):04x}"


def _plain(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return one_line(cell)
    return one_line(cell.text if cell.plain is None else cell.plain)


def _text(cell: Cell | str, *, lines: bool = False, style: str = "") -> "Text":
    from rich.text import Text

    value = cell if isinstance(cell, Cell) else Cell(cell)
    shown = many_lines(value.text.rstrip("\n")) if lines else one_line(value.text)
    return Text(shown, style=value.style or style)


def _joined(parts: Iterable[Cell | str]) -> "Text":
    from rich.text import Text

    return Text(" ").join(_text(part) for part in parts)


def _draw_table(columns: Sequence[str], rows: Iterable[Sequence[Cell | str]], elastic: Sequence[str]) -> None:
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        grid.add_column(column.upper(), no_wrap=column not in elastic)
    for row in rows:
        texts = [_text(cell) for cell in row]
        for text in texts:
            # Set on the text and not on the column: rich shrinks only columns that may wrap.
            text.no_wrap, text.overflow = True, "ellipsis"
        grid.add_row(*texts)
    terminal().print(grid)


def _draw_details(pairs: Iterable[tuple[str, Cell | str]]) -> None:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(_text(name, style="dim"), _text(value, lines=True))
    terminal().print(grid)
