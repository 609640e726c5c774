"""The one place that turns an error into what a person reads on stderr, and into an exit code."""

import shutil
import sys
import textwrap
import traceback

import click

from common.cli.console import colour_wanted, one_line
from common.cli.exits import Exit
from common.domain.errors import (
    BadMessage,
    BadSetting,
    CorruptTask,
    DtsError,
    DuplicateAgent,
    InvalidTask,
    Unanswered,
    Unavailable,
    UnfitServer,
)

_OUTCOMES: dict[type[BaseException], tuple[Exit, str]] = {
    InvalidTask: (Exit.USAGE, "Nothing was submitted; `dts submit --help` shows what a task may say."),
    BadMessage: (Exit.USAGE, ""),
    BadSetting: (Exit.USAGE, ""),
    CorruptTask: (Exit.USAGE, "Look at its hash with redis-cli; another program may use this Redis."),
    DuplicateAgent: (Exit.REFUSED, ""),
    UnfitServer: (Exit.UNREACHABLE, ""),
    Unanswered: (
        Exit.UNREACHABLE,
        "It may have been done all the same: `dts get` tells, and asking again does no harm.",
    ),
    Unavailable: (
        Exit.UNREACHABLE,
        "`dts ps` shows what runs here, `dts up 1 -d` starts it; --redis-url or DTS_REDIS_URL names another server.",
    ),
    DtsError: (Exit.USAGE, ""),
    OSError: (Exit.USAGE, ""),
}
"""Per kind of error, most special first: the exit code, and what to do next where the error doesn't say so."""


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
    """One paragraph on stderr: wrapped on a terminal, one line in a file."""
    text = " ".join(filter(None, (f"{one_line(what).rstrip('.')}.", advice)))
    if sys.stderr.isatty():
        width = min(shutil.get_terminal_size().columns, 100)
        text = textwrap.fill(text, width, initial_indent="dts: ", subsequent_indent="     ", break_on_hyphens=False)[5:]
    prefix = click.style("dts:", fg="red", bold=True) if colour_wanted(sys.stderr) else "dts:"
    click.echo(f"{prefix} {text}", err=True)
