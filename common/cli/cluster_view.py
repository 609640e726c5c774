"""How the commands on a cluster show its members, what becomes of them, and what went wrong."""

import math
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from common.cli.console import Cell, many_lines, note, on_terminal, say, table, terminal
from common.cli.exits import Exit
from common.cli.failures import Told
from common.cli.interrupts import interrupt

if TYPE_CHECKING:
    from common.lab.cluster import Cluster
    from common.lab.errors import LabError
    from common.lab.home import Member

STATE_STYLES = {"running": "green", "frozen": "cyan", "stopped": "yellow", "dead": "bold red"}


def stay(cluster: "Cluster", present: Callable[["Cluster"], None], hint: str) -> None:
    """Present the cluster, then tell what becomes of its members, until Ctrl-C or until somebody takes it down."""
    from common.lab.errors import NotUp

    try:
        seen: Mapping[str, str] = _states(cluster)
        present(cluster)
        note(hint)
        while True:
            seen = _next_states(cluster, seen)
    except NotUp:
        note("Somebody took it down.")
    except KeyboardInterrupt:
        note("")


def _next_states(cluster: "Cluster", seen: Mapping[str, str]) -> Mapping[str, str]:
    from common.lab.until import until

    until(lambda: _states(cluster) != seen, within=math.inf, every=0.2)
    now = _states(cluster)
    for name in (name for name in now if now[name] != seen[name]):
        note(f"{name} is", Cell(now[name], STATE_STYLES[now[name]]))
    return now


def _states(cluster: "Cluster") -> dict[str, str]:
    return {member.name: member.state for member in cluster.members()}


def take_down(cluster: "Cluster", *, keep_data: bool = False) -> None:
    """End it, and say what there was to end."""
    with progress() as tell:
        tell("stopping ...")
        taken = cluster.down(keep_data=keep_data)
    what = ", ".join(taken.members)
    if taken.strays:
        what += f"{' and ' if what else ''}{taken.strays} processes left behind"
    note(f"Stopped {what}; nothing of it is left." if what else "Nothing was running here.")


def show(cluster: "Cluster") -> None:
    """All members in a table."""
    members = cluster.members()
    if on_terminal():
        say(cluster.title)
    rows = [
        (member.name, member.role, str(_pid(member) or "-"), Cell(member.state, STATE_STYLES[member.state]))
        for member in members
    ]
    table(("name", "role", "pid", "state"), rows)


def record(member: "Member") -> dict[str, Any]:
    """A member for programs."""
    return {"name": member.name, "role": member.role, "pid": _pid(member), "state": member.state}


def _pid(member: "Member") -> int | None:
    return member.pid if member.state in ("running", "frozen") else None


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A moving line on stderr for whoever waits; in a pipe nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with terminal(sys.stderr).status("") as status:
        yield status.update


@contextmanager
def starting(home: Path) -> Iterator[Callable[[str], None]]:
    """Tell what is started next, and whether data of an earlier one is used."""
    from common.lab.home import Home

    kept = Home(home).data.is_dir()
    with progress() as tell:
        yield lambda names: tell(f"starting {names} ...")
    if kept:
        note("It goes on with the data that an earlier one left here.")


@contextmanager
def signals_as_interrupt() -> Iterator[None]:
    """A terminal that is closed and a polite kill end the foreground as Ctrl-C does."""
    # What is ignored stays so: nohup, or a shell that runs it in the background, wants it to go on.
    before = {
        number: signal.signal(number, interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def explained() -> Iterator[None]:
    """Turn the lab's errors into ends of the command with the exit codes that its help promises."""
    from common.lab.errors import LabError

    try:
        yield
    except LabError as error:
        raise _told(error) from error


def _told(error: "LabError") -> Told:
    from common.lab import errors

    codes = {
        errors.StartFailed: Exit.FAILED,
        errors.WouldNotStop: Exit.FAILED,
        errors.AlreadyUp: Exit.REFUSED,
        errors.WrongState: Exit.REFUSED,
        errors.NotUp: Exit.NOT_FOUND,
        errors.NoSuchMember: Exit.NOT_FOUND,
        errors.MissingServer: Exit.UNREACHABLE,
        errors.NoFreePort: Exit.UNREACHABLE,
        errors.DownloadFailed: Exit.UNREACHABLE,
        errors.WrongChecksum: Exit.FAILED,
    }
    text = str(error)
    if isinstance(error, errors.StartFailed) and error.log:
        click.echo(many_lines(error.log), err=True)
        text = f"{error.what}; above are the last lines of its log"
    return _Ended(text, codes.get(type(error), Exit.USAGE))


class _Ended(Told):
    def __init__(self, text: str, code: Exit) -> None:
        super().__init__(text)
        self.exit_code = code  # type: ignore[misc]  # click types it as the class' own, and reads the instance's
