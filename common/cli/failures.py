"""The one place that turns an error into what a person reads on stderr, and into an exit code."""

import contextlib
import shutil
import sys
import textwrap
import traceback
from typing import IO, Any

import click

from common.cli.console import colour_wanted, many_lines, one_line
from common.cli.exits import Exit
from common.domain.errors import (
    BadMessage,
    BadSetting,
    CorruptTask,
    DtsError,
    DuplicateAgent,
    InvalidTask,
    NotAllowed,
    Unanswered,
    Unavailable,
    UnfitServer,
    Unready,
)

_OUTCOMES: dict[type[BaseException], tuple[Exit, str]] = {
    InvalidTask: (Exit.USAGE, ""),
    BadMessage: (Exit.USAGE, ""),
    BadSetting: (Exit.USAGE, ""),
    CorruptTask: (Exit.USAGE, "Look at its hash with redis-cli; another program may use this Redis."),
    DuplicateAgent: (Exit.REFUSED, ""),
    NotAllowed: (Exit.REFUSED, "DTS_API_TOKEN holds the token that is sent; `dts env` prints that of `dts up`."),
    UnfitServer: (Exit.UNREACHABLE, ""),
    Unanswered: (
        Exit.UNREACHABLE,
        "It may have been done all the same: `dts get` tells, and asking again does no harm.",
    ),
    Unready: (Exit.UNREACHABLE, ""),
    Unavailable: (
        Exit.UNREACHABLE,
        "`dts ps` shows what runs here, `dts up 1 -d` starts it; --redis-url or DTS_REDIS_URL names another server.",
    ),
    DtsError: (Exit.USAGE, ""),
    OSError: (Exit.USAGE, ""),
}
"""Per kind of error, most special first: the exit code, and what to do next where the error doesn't say so."""


class Told(click.ClickException):
    """An end of a command that was foreseen; its text says what happened and what to do about it."""

    def show(self, file: IO[Any] | None = None) -> None:
        complain(self.message)


class NotFound(Told):
    """What was asked for is not there."""

    exit_code = Exit.NOT_FOUND


class Refused(Told):
    """The server understood, and said no."""

    exit_code = Exit.REFUSED


def explain(error: BaseException) -> Exit:
    """Tell the person what went wrong, in one paragraph on stderr; returns the exit code."""
    for kind, (code, advice) in _OUTCOMES.items():
        if isinstance(error, kind):
            complain(f"{error}", advice)
            return code
    traceback.print_exception(error, file=sys.stderr)
    complain("this is a bug in dts", "Please report it with the lines above.")
    return Exit.BUG


def complain(what: str, advice: str = "") -> None:
    """One paragraph on stderr, wrapped on a terminal; further lines of `what` (a log, say) follow as they are."""
    first, _, more = what.partition("\n")
    text = " ".join(filter(None, (one_line(first) if more else f"{one_line(first).rstrip('.')}.", advice)))
    if sys.stderr.isatty():
        width = min(shutil.get_terminal_size().columns, 100)
        text = textwrap.fill(text, width, initial_indent="dts: ", subsequent_indent="     ", break_on_hyphens=False)[5:]
    prefix = click.style("dts:", fg="red", bold=True) if colour_wanted(sys.stderr) else "dts:"
    # Where even that can't be written, the exit code still tells.
    with contextlib.suppress(OSError):
        click.echo(f"{prefix} {text}", err=True)
        if more:
            click.echo(many_lines(more.rstrip("\n")), err=True)
