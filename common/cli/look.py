"""`dts look`: what is going on in a running system, live."""

import time
from typing import TYPE_CHECKING, Any

import click

from common.cli.options import json_option, server_option

if TYPE_CHECKING:
    from common.cli.attached import Attached
    from common.lab.picture import Picture
    from common.lab.texts import Texts

EVERY = 0.2
"""Seconds between two looks."""
FRESH = 1.5
"""Seconds for which a change is marked."""
WIDE = 110
"""Columns from which on there is room for all."""
LOOKS = 100
"""At most so many to find all agents of a large store, for a single snapshot."""


@click.command(short_help="See tasks, queues, agents and processes, live.")
@click.option("--once", is_flag=True, help="Print one snapshot and end; in a pipe it is always so.")
@json_option
@server_option
def look(once: bool, as_json: bool, redis_url: str | None) -> None:
    """Show what is there now: the latest tasks and who changed them last, the queues, agents with their leases,
    and the processes where it runs on this machine. Beside each panel stands the command that shows the same
    data; what has just changed is marked. Looking changes nothing.

    \b
    Examples:
      dts look                       until q or Ctrl-C
      dts look --once
      dts look --json | jq '.counts'

    Exit codes: 0 shown · 5 no server.
    """
    from common.cli.attached import attached
    from common.cli.console import document, on_terminal
    from common.lab.texts import language_of, load

    with attached(redis_url) as there:
        if on_terminal() and not (once or as_json):
            _stay(there, load("common.cli.phrases", language_of()))
            return
        picture = _whole(there)
        if as_json:
            document(_document(picture, there.place))
        else:
            _print(picture)


def _whole(there: "Attached") -> "Picture":
    """One picture with all agents on it. Raises Unavailable."""
    from common.domain.errors import Unavailable

    for _ in range(LOOKS):
        picture = there.observer.look()
        if picture.away:
            raise Unavailable(picture.away)
        if there.observer.went_round:
            break
    return picture


def _stay(there: "Attached", phrases: "Texts") -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from common.cli.console import one_line, terminal
    from common.cli.drawing import drawing
    from common.cli.keyboard import keyboard
    from common.cli.pace import QUIT
    from common.cli.panels import FEW, MANY, News, counts, panels

    news, console = News(FRESH), terminal()

    def frame() -> Group:
        picture = there.observer.look()
        title = Text(f"{there.place}   ", style="bold", no_wrap=True, overflow="ellipsis")
        title.append(phrases("look.hint"), style="dim")
        if picture.away:
            state = Text(one_line(picture.away), style="bold red")
        else:
            state = Text("  ").join(Text(cell.text, style=cell.style) for cell in counts(picture))
        shown = panels(picture, statuses=MANY if console.width >= WIDE else FEW)
        return Group(title, state, Text(), drawing(shown, phrases, news.mark(shown, time.monotonic())))

    try:
        with keyboard() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(frame(), refresh=True)
                if pressed(EVERY) in QUIT:
                    return
    except KeyboardInterrupt:
        return


def _print(picture: "Picture") -> None:
    """Tab-separated rows under headings that begin with #."""
    from common.cli.console import one_line
    from common.cli.panels import counts, panels, plain

    click.echo("# counts\t" + "\t".join(cell.text for cell in counts(picture)))
    for panel in panels(picture):
        click.echo(f"# {panel.id}\t{one_line(' ; '.join(panel.commands))}")
        for row in panel.rows:
            cells = [*row.cells, *([row.moving] if row.moving else [])]
            click.echo("\t".join(one_line(plain(cell)) for cell in cells))


def _document(picture: "Picture", place: str) -> dict[str, Any]:
    return {
        "redis": place,
        "counts": dict(picture.counts),
        "tasks": [{**task.fields, "log": task.log, "history": list(task.history)} for task in picture.tasks.values()],
        "queues": {queue.key: {"length": queue.length, "first": list(queue.head)} for queue in picture.queues.values()},
        "agents": [
            {"agent": lease.agent, "held": bool(lease.fields), "left": lease.left, **lease.fields}
            for lease in picture.leases.values()
        ],
        "members": [
            {"name": member.name, "role": member.role, "pid": member.pid or None, "state": member.state}
            for member in picture.members
        ],
        "taskProcesses": [
            {"taskId": process.task_id, "attempt": process.attempt, "pid": process.pid, "name": process.name}
            for process in picture.processes
        ],
    }
