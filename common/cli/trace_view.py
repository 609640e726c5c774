"""A task's trail as people look at it: a column for each process, or where there is no room for that, a line each."""

import json
import shutil
from collections.abc import Iterable, Sequence
from typing import Any

from common.cli.console import STATUS_STYLES, Cell, on_terminal, one_line, table, terminal
from common.cli.trail import Event, place

LINE = ("when", "who", "level", "try", "what", "more")
NARROWEST = 16
"""Characters of a column in which something can still be read."""
BESIDE = 18
"""Characters that the time and the attempt take."""
GAP = 2
STYLES = {"debug": "dim", "warning": "yellow", "error": "bold red", "critical": "bold red"}
SHOWN = ("agent", "reason")
"""Of what an event says beside its words, what a column has room for."""


def show(trail: Sequence[Event]) -> None:
    """Print it: in columns on a terminal that has room for them."""
    speakers = _speakers(trail)
    room = shutil.get_terminal_size().columns - BESIDE
    if on_terminal() and room >= len(speakers) * (NARROWEST + GAP):
        _draw(trail, speakers)
    else:
        table(LINE, _lines(trail), elastic=["what", "more"])


def document_of(task_id: str, trail: Iterable[Event], logs: Sequence[str]) -> dict[str, Any]:
    """The trail as programs read it."""
    return {
        "taskId": task_id,
        "logs": list(logs),
        "events": [
            {
                "time": one.at,
                "who": one.who,
                "role": one.role or None,
                "level": one.level,
                "event": one.what,
                "attempt": one.attempt or None,
                "more": dict(one.more),
                "exception": one.exception or None,
            }
            for one in trail
        ],
    }


def _speakers(trail: Iterable[Event]) -> list[str]:
    """Who speaks, in the order in which a task meets them."""
    known = {one.who: one.role for one in trail}
    return sorted(known, key=lambda who: (place(known[who]), who))


def _lines(trail: Sequence[Event]) -> Iterable[Sequence[Cell | str]]:
    for one in trail:
        more = " ".join(f"{name}={_text(value)}" for name, value in one.more.items())
        attempt = str(one.attempt or "")
        when = Cell(_since(one, trail), plain=one.at)
        yield when, one.who, Cell(one.level, STYLES.get(one.level, "")), attempt, Cell(_words(one), _style(one)), more


def _draw(trail: Sequence[Event], speakers: Sequence[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    grid.add_column("AFTER", justify="right", no_wrap=True)
    grid.add_column("TRY", no_wrap=True)
    for who in speakers:
        grid.add_column(Text(one_line(who)), overflow="fold", ratio=1)
    for one in trail:
        shown = " ".join(f"{name}={_text(one.more[name])}" for name in SHOWN if one.more.get(name) not in (None, ""))
        cell = Text(one_line(_words(one)), style=_style(one)).append(f" {one_line(shown)}" if shown else "", "dim")
        cells = [cell if who == one.who else Text() for who in speakers]
        grid.add_row(Text(_since(one, trail)), Text(str(one.attempt or "")), *cells)
    terminal().print(grid)


def _since(one: Event, trail: Sequence[Event]) -> str:
    return f"+{max(0.0, one.seconds - trail[0].seconds):.3f} s"


def _words(one: Event) -> str:
    """What happened; of an error with a stack, what it was."""
    last = one.exception.rstrip().rpartition("\n")[2]
    return f"{one.what}: {last}" if last else one.what


def _style(one: Event) -> str:
    return STYLES.get(one.level, "") or STATUS_STYLES.get(one.what.rpartition(" ")[2], "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
