"""Attempts held together by what /proc tells of their processes: for machines without control groups to write to.

A process belongs to the attempt whose main process it descends from, in whose group or session it is, or whose mark
it carries. One that has left all of these is an orphan, and orphans are adopted by the fence, the subreaper. Where an
attempt is the only one at work the orphan must be its own. Else nobody can claim it: it is killed when one attempt is
left alone, and until then none that ends is called certain.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping

from common.executors.enclosure import NO_LIMITS, LimitNotKept, Spawned, TaskLimits
from common.executors.processes import (
    carries,
    children,
    everything,
    kill,
    look,
    send,
    send_group,
    with_descendants,
)

log = logging.getLogger("dts.executors")

_ROUNDS = 10


class ProcessTrees:
    """Makes them for one boot. `reaper` is the pid of the subreaper above this process, None where there is none."""

    def __init__(self, boot: str = "", reaper: int | None = None) -> None:
        self.boot, self.reaper = boot, reaper
        self.lock = threading.Lock()
        self.at_work: set[ProcessTree] = set()

    def open(self) -> None:
        if self.reaper is None:
            log.warning("no fence: a process that leaves its task's group and environment is not found")

    def enclose(self, mark: Mapping[str, str], limits: TaskLimits = NO_LIMITS) -> "ProcessTree":
        if limits:
            raise LimitNotKept("this agent has no control groups, and no other way to limit what a task uses")
        tree = ProcessTree(self, mark)
        with self.lock:
            self.at_work.add(tree)
        return tree

    def close(self) -> None:
        pass

    def strays(self) -> set[int]:
        """Live orphans, with all below them, that no attempt at work can claim; the lock is held."""
        if self.reaper is None or self.nothing_adopted():
            return set()
        table = everything()
        adopted = [pid for pid, seen in table.items() if seen.parent == self.reaper and pid != os.getpid()]
        mains = {tree.main for tree in self.at_work}
        roots = [
            pid
            for pid in adopted
            if not mains & {table[pid].group, table[pid].session} and not carries(pid, {"DTS_BOOT": self.boot})
        ]
        return set(with_descendants(roots, table))

    def nothing_adopted(self) -> bool:
        """Whether the subreaper has no child but us: then all that an ended main process left is gone with it."""
        if self.reaper is None:
            return False
        try:
            # Twice: the kernel may pass over a child where one before it is reaped meanwhile.
            return children(self.reaper) == [os.getpid()] == children(self.reaper)
        except OSError:
            return False


class ProcessTree:
    """What one attempt started, as far as /proc tells."""

    def __init__(self, trees: ProcessTrees, mark: Mapping[str, str]) -> None:
        self._trees, self._mark = trees, mark
        self.main = 0

    @property
    def means(self) -> str:
        return "group and mark" if self._trees.reaper is None else "subreaper"

    def start(self, spawn: Callable[[], Spawned]) -> Spawned:
        process = spawn()
        self.main = process.pid
        return process

    def signal(self, number: int) -> int:
        members = self._members()
        send_group(self.main, number)
        send((pid for pid, group in members.items() if group != self.main), number)
        return len(members)

    def left(self) -> int:
        if self._trees.nothing_adopted() and not look(self.main):
            return 0
        with self._trees.lock:
            return len(self._members().keys() | self._own_strays())

    def kill(self, within: float) -> int:
        killed: set[int] = set()
        for _ in range(_ROUNDS):
            # One that forks just as it is looked for may slip through: look again until none is left.
            members = self._members()
            killed |= members.keys()
            # The group in one act, then parents before children: none may see another's end, and go on.
            send_group(self.main, signal.SIGKILL)
            if not members or not kill(members, within):
                break
        with self._trees.lock:
            # Whoever starts now waits: what it starts must not be taken for ours.
            strays = self._own_strays()
            kill(strays, within)
        return len(killed | strays)

    def overrun(self) -> str:
        return ""

    def release(self) -> bool:
        with self._trees.lock:
            self._trees.at_work.discard(self)
            return self._trees.reaper is not None and not self._trees.strays()

    def _members(self) -> dict[int, int]:
        """The live ones, each with its group."""
        table = everything()
        spared = {os.getpid(), self._trees.reaper}
        roots = [
            pid
            for pid, seen in table.items()
            if self.main in (pid, seen.group, seen.session) or carries(pid, self._mark)
        ]
        return {pid: table[pid].group for pid in with_descendants(roots, table) if pid in table and pid not in spared}

    def _own_strays(self) -> set[int]:
        return self._trees.strays() if self._trees.at_work == {self} else set()
