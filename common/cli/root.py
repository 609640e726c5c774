"""`dts` itself: finds commands, groups their help, and ends every run with a documented exit code.

A package adds a command by an entry point in the group `dts.commands` that names a click command.
Its module must import nothing but click and the standard library at its top: `dts --help` loads
all of them, and has to answer at once.
"""

import contextlib
import difflib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TextIO

import click

from common.cli.exits import EXIT_HELP, Exit
from common.cli.failures import complain, explain
from common.cli.interrupts import interrupts

GROUP = "dts.commands"
SHOW_CURSOR = "\x1b[?25h"
COMPLETE = "_DTS_COMPLETE"
"""The variable in which a shell asks for completions; the scripts of `dts completion` set it."""
SECTIONS = {
    "Tasks": ("submit", "get", "list", "logs", "cancel", "retry", "dlq"),
    "Run a stage": ("up", "ps", "env", "fault", "down", "infra"),
    "Learn and look": ("demo", "verify", "look", "diff", "doctor"),
}
"""The order in which help shows the commands; those of other packages follow under "More"."""


class Root(click.Group):
    """A group whose commands are loaded when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        known = [name for names in SECTIONS.values() for name in names]
        found = self._entries()
        return [name for name in known if name in found] + sorted(found.keys() - set(known))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._entries().get(cmd_name)
        return None if entry is None else _load(entry)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        sectioned = {name for section in SECTIONS.values() for name in section}
        sections = {**SECTIONS, "More": tuple(name for name in names if name not in sectioned)}
        width = formatter.width - max(map(len, names), default=0) - 6
        for title, members in sections.items():
            rows = [(name, self._short_help(ctx, name, width)) for name in members if name in names]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def main(  # type: ignore[override]  # click overloads it by standalone_mode; the behaviour is the same
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run one command line. In standalone mode it ends the process, with the exit code that `_ended` gives."""
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        words = list(sys.argv[1:] if args is None else args)
        return sys.exit(_ended(lambda: self._run(words, prog_name or "dts", extra)))

    def _run(self, words: list[str], prog_name: str, extra: dict[str, Any]) -> int:
        """What click's own `main` does, without its exit codes: it has one for all that can go wrong."""
        asked = os.environ.get(COMPLETE)
        if asked:
            from click.shell_completion import shell_complete

            return shell_complete(self, extra, prog_name, COMPLETE, asked)
        try:
            with self.make_context(prog_name, words, **extra) as ctx:
                self.invoke(ctx)
            return Exit.OK
        except click.exceptions.Exit as end:
            return end.exit_code

    def _short_help(self, ctx: click.Context, name: str, width: int) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(width) if command else ""

    def _entries(self) -> dict[str, EntryPoint]:
        return _installed()


@cache
def _installed() -> dict[str, EntryPoint]:
    # Once: it reads what every package on this machine says of itself, and --help asks for each command.
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(entry: EntryPoint) -> click.Command:
    """The command that `entry` names; one that can't be loaded becomes a command that says so when it is run."""
    try:
        command = entry.load()
    except Exception as error:  # noqa: BLE001  whatever a module does, the other commands stay usable
        return _broken(entry, f"{type(error).__name__}: {error}")
    return command if isinstance(command, click.Command) else _broken(entry, "not a click command")


def _broken(entry: EntryPoint, why: str) -> click.Command:
    def refuse(**_: Any) -> None:
        package = entry.dist.name if entry.dist else entry.value
        complain(f"the command {entry.name!r} of {package} ({entry.value}) can't be loaded: {why}")
        raise click.exceptions.Exit(Exit.USAGE)

    settings = {"ignore_unknown_options": True}
    rest = click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)
    return click.Command(
        entry.name, callback=refuse, params=[rest], short_help="(can't be loaded)", context_settings=settings
    )


def _ended(run: Callable[[], int]) -> int:
    """Run the command line; the exit code is that of what happened, also where its last words can't be written."""
    code = _code_of(run)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _forget(stream)
    return code


def _code_of(run: Callable[[], int]) -> int:
    """Turn whatever happens into an exit code, with a message where one is due."""
    with interrupts() as noted:
        return _code_unless_interrupted(run, noted)


def _code_unless_interrupted(run: Callable[[], int], noted: Sequence[int]) -> int:
    try:
        with _lenient_output():
            code = run()
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        return Exit.PIPE_CLOSED
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:  # noqa: BLE001  this is where all errors end
        # Libraries written in other languages turn a Ctrl-C into errors of their own.
        return _interrupted() if noted else explain(error)


def _interrupted() -> int:
    with contextlib.suppress(OSError):
        click.echo(err=True)
        for stream in (sys.stdout, sys.stderr):
            if stream.isatty():
                # What moved there was cut short, maybe before it could show the cursor again.
                stream.write(SHOW_CURSOR)
    return Exit.INTERRUPTED


@contextlib.contextmanager
def _lenient_output() -> Iterator[None]:
    """Print what the terminal's encoding can't say as an escape, rather than fail half-way through."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    yield


def _forget(stream: TextIO) -> None:
    """Keep the interpreter from complaining, on its way out, about what it can't flush any more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_closed_streams() -> None:
    """Where the caller closed a stream, as `>&-` does, go on as if it were /dev/null."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  open until the end


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"""\b
Examples:
  dts demo 1                              watch stage 1 work, fail and recover
  dts up 1 -d && dts submit --wait 'date' run stage 1 here and a task on it
  dts list --status FAILED --json         what failed, for a program

Exit codes: {EXIT_HELP}.""",
)
@click.version_option(package_name="dts", prog_name="dts")
def root() -> None:
    """Schedule and run tasks on many machines, and see how such a system is built, stage by stage."""


def main() -> None:
    """The console script `dts`."""
    _open_closed_streams()
    root.main(prog_name="dts")
