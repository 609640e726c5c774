"""Ends a cluster, whatever state it is in, and leaves nothing of it; imports little, for the guard's sake."""

import contextlib
import signal
from dataclasses import dataclass
from itertools import groupby

from common.executors.remains import end_noted_groups
from common.lab.errors import NotUp, UnusableHome, WouldNotStop
from common.lab.home import MARK, Home, Member
from common.lab.processes import GO_ON, KILL, Process, end, marked

ROUNDS = 20


@dataclass(frozen=True, slots=True)
class TakenDown:
    """What there was to take down."""

    members: list[str]
    strays: int
    """Processes that no member was left to end."""


def take_down(home: Home, *, keep_data: bool = False) -> TakenDown:
    """Stop all members in reverse order and all that they left running, then remove what they wrote.

    Also clears up after a crash. Where nothing was up, data that was kept earlier stays.
    Raises WouldNotStop if a process survives even SIGKILL for some seconds.
    """
    up = home.run.is_dir()
    with contextlib.suppress(NotUp), home.locked() if up else contextlib.nullcontext():
        members = _end_members(home)
        strays = _end_strays(home)
        for boot in home.data.glob("*/work/*/*"):
            end_noted_groups(boot)
        home.remove(keep_data=keep_data or not (up or strays))
        return TakenDown(members, strays)
    return TakenDown([], 0)


def _end_members(home: Home) -> list[str]:
    """End those that are alive, all of one role at once; returns their names in the order in which they went."""
    alive = [member for member in reversed(_members(home)) if member.pid and member.process.alive()]
    bodies = {member.name: member.body for member in alive}
    for body in bodies.values():
        # What is frozen behind its fence could not be stopped by it.
        body.send(signal.SIGCONT)
    for _, equals in groupby(alive, key=lambda member: member.role):
        peers = list(equals)
        end([member.process for member in peers])
        # An agent whose fence had to be killed ends its tasks, then itself.
        end([bodies[member.name] for member in peers], GO_ON)
    return [member.name for member in alive]


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
