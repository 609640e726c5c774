"""How all processes of an attempt are held together: told what they are, and ended to the last.

Two ways: control groups (`control_groups.py`), where the machine lets us make some, else the tree of processes as
/proc shows it (`process_trees.py`).
"""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

Spawned = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """What each attempt may use; None is as much as there is."""

    memory: int | None = None
    """Bytes, of all its processes together."""
    processes: int | None = None
    """How many at once, threads included."""

    def __bool__(self) -> bool:
        return self.memory is not None or self.processes is not None

    def by_controller(self) -> dict[str, int]:
        """Those that there are, by the controller of control groups that keeps each."""
        limits = {"memory": self.memory, "pids": self.processes}
        return {controller: limit for controller, limit in limits.items() if limit is not None}


NO_LIMITS = TaskLimits()


class LimitNotKept(Exception):
    """An attempt asks for a limit that can't be kept on this machine; the text says which, and why."""


class Enclosure(Protocol):
    """The processes of one attempt; called from its thread alone. The main one is not reaped before `left` is 0."""

    @property
    def means(self) -> str:
        """By what they are held together, in a word for the task's history."""
        ...

    def start(self, spawn: Callable[[], Spawned]) -> Spawned:
        """Start the main process by `spawn`, and take it in with all that it has started meanwhile.

        Raises what `spawn` raises.
        """
        ...

    def signal(self, number: int) -> int:
        """Send it to all; returns how many there were."""
        ...

    def left(self) -> int:
        """How many are alive. Quick where there is none."""
        ...

    def kill(self, within: float) -> int:
        """KILL all, and wait up to `within` seconds until none is left; returns how many there were."""
        ...

    def overrun(self) -> str:
        """Which limit was met and cost a process its life, in words; empty where none."""
        ...

    def release(self) -> bool:
        """Give it back, the main process being reaped; returns whether it is certain that nothing is left."""
        ...


class Enclosures(Protocol):
    """Makes the enclosures of one boot. Safe to use from many threads."""

    def open(self) -> None:
        """Prepare; called once, before the first `enclose`."""
        ...

    def enclose(self, mark: Mapping[str, str], limits: TaskLimits = NO_LIMITS) -> Enclosure:
        """One for an attempt about to start; `mark` is in the environment of its processes.

        `limits` are its own, beside those of all attempts; the tighter count. Raises OSError, LimitNotKept.
        """
        ...

    def close(self) -> None:
        """Take away what was prepared; nothing runs any more."""
        ...
