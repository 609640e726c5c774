"""`dts trace`: what happened to one task, in all processes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from common.cli.options import TASK_ID, json_option, tasks_option

if TYPE_CHECKING:
    from common.cli.trail import Event, Source


@click.command(short_help="Show one task's way through all processes, by history and logs.")
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.option(
    "--log",
    "paths",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    multiple=True,
    help="Read this log instead of those of `dts up` (repeatable); - is the standard input.",
)
@json_option
@tasks_option
@click.pass_context
def trace(ctx: click.Context, task_id: str, paths: Sequence[str], as_json: bool, redis_url: str | None) -> None:
    """Show a task's way through all processes: what the store noted of it and each line of log that names it, in one
    order of time.

    On a terminal each process has a column of its own; where there is no room for that, and in a pipe, each event has
    a line: when, who, level, attempt, what, and more.

    Logs are read in both formats, as text and as JSON; text does not say who wrote it, so the name of its file does.
    The logs of several machines are only as well in order as the machines' clocks are.

    \b
    Examples:
      dts trace 01JC5W3N8Q0000000000000000
      dts trace nightly-backup --log manager-1.log --log agent-7.log
      journalctl -o cat -u 'dts-*' | dts trace nightly-backup --log -

    \b
    Exit codes: 0 shown · 2 a log can't be read · 3 nothing is known of such a task · 5 no server, and no log names it
    """
    from common.cli.console import document
    from common.cli.failures import NotFound
    from common.cli.trace_view import document_of, show
    from common.cli.trail import in_order, named_by

    sources = [named_by(path) for path in paths] if paths else _logs_here()
    said = [event for source in sources for event in _said(source, task_id)]
    trail = in_order([*_history(ctx, redis_url, task_id, said), *said])
    if not trail:
        logs = f"none of {len(sources)} logs names it" if sources else "no logs were read"
        raise NotFound(f"there is no task {task_id}, and {logs}. `dts list` shows which there are")
    if as_json:
        document(document_of(task_id, trail, [source.path for source in sources]))
        return
    show(trail)
    _say_what_is_missing(sources, said)


def _history(ctx: click.Context, redis_url: str | None, task_id: str, said: Sequence["Event"]) -> list["Event"]:
    """What the store noted; where it is away, logs alone must do. Raises Unavailable where there are none either."""
    from common.cli.console import note
    from common.cli.trail import of_history
    from common.cli.where import place_of
    from common.domain.errors import Unavailable

    try:
        with place_of(ctx, redis_url) as place:
            return list(of_history(place.tasks.history(task_id)))
    except Unavailable as error:
        if not said:
            raise
        note(f"Only what is logged is shown, not the task's history: {error}")
        return []


def _logs_here() -> list["Source"]:
    """The logs of the roles that `dts up` runs here; none where nothing is up."""
    from common.cli.trail import Source
    from common.lab.errors import LabError
    from common.lab.home import Home
    from common.lab.servers.kinds import SERVERS
    from common.settings import Settings

    home = Home(Settings.load().home)
    try:
        members = home.read().members
    except LabError:
        return []
    logs = [Source(str(home.log(one.name)), one.name, one.role) for one in members if one.role not in SERVERS]
    return [source for source in logs if Path(source.path).exists()]


def _said(source: "Source", task_id: str) -> Iterator["Event"]:
    from common.cli.trail import of_log

    with _opened(source.path) as file:
        yield from of_log(source, file, task_id)


def _opened(path: str) -> Any:
    return click.open_file(path, "rb") if path == "-" else Path(path).open("rb")


def _say_what_is_missing(sources: Sequence["Source"], said: Sequence["Event"]) -> None:
    from common.cli.console import note

    if not sources:
        note("No logs were read: nothing that `dts up` started stands here. --log FILE names logs.")
    elif not said:
        note(f"None of {len(sources)} logs names it; were they written at the level info?")
