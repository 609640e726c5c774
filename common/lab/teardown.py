"""Ends a cluster, whatever state it is in, and leaves nothing of it; imports little, for the guard's sake."""

import contextlib
import signal
from dataclasses import dataclass

from common.lab.errors import NotUp, UnusableHome, WouldNotStop
from common.lab.home import MARK, Home, Member
from common.lab.processes import KILL, Process, end, marked

ROUNDS = 20


@dataclass(frozen=True, slots=True)
class TakenDown:
    """What there was to take down."""

    members: list[str]
    strays: int
    """Processes that no member was left to end."""


def take_down(home: Home, *, keep_data: bool = False) -> TakenDown:
    """Stop all members in reverse order and all that they left running, then remove what they wrote.

    Also clears up after a crash. Raises WouldNotStop if a process survives even SIGKILL for some seconds.
    """
    lock = home.locked() if home.run.is_dir() else contextlib.nullcontext()
    with contextlib.suppress(NotUp), lock:
        members = [member for member in reversed(_members(home)) if member.pid and member.process.alive()]
        for member in members:
            # What is frozen behind its fence could not be stopped by it.
            member.body.send(signal.SIGCONT)
            end([member.process])
        strays = _end_strays(home)
        home.remove(keep_data=keep_data)
        return TakenDown([member.name for member in members], strays)
    return TakenDown([], 0)


def _members(home: Home) -> list[Member]:
    try:
        return home.read().members
    except (NotUp, UnusableHome):
        return []


def _end_strays(home: Home) -> int:
    """Kill what carries the home's mark, until none is left; a process may start others while we look."""
    seen: set[Process] = set()
    empty = 0
    for _ in range(ROUNDS):
        strays = marked(MARK, str(home.path))
        seen.update(strays)
        end(strays, KILL)
        # Twice, as a process shows no environment in the moment in which it becomes another program.
        empty = 0 if strays else empty + 1
        if empty == 2:
            return len(seen)
    pids = ", ".join(str(process.pid) for process in marked(MARK, str(home.path)))
    raise WouldNotStop(f"still running after SIGKILL: {pids}")
