"""Attempts held together by the kernel: one control group for each that is at work, made once and used again.

Below the group in which the agent was started stands one directory for each boot:

    dts.<boot>/agent      the agent and its fence
    dts.<boot>/s1, s2 …   one attempt at a time in each

A main process is moved into its group right after its start. What it forked before that is still in `agent`, where
only the agent and its fence have any business, and is moved after it; as one start follows the other, there is no
doubt whose it is. An orphan that was there before – an executor may start processes by ways of its own – is nobody's:
it is killed when no task runs, and until then none that ends is called certain.
"""

import contextlib
import itertools
import logging
import os
import select
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from common.executors.cgroups import hierarchies
from common.executors.enclosure import NO_LIMITS, Spawned, TaskLimits
from common.executors.limiting import Keeper, Limiting
from common.executors.processes import kill, look, send, send_group
from common.executors.remains import GONE_WITHIN, PREFIX, end_groups, remove_groups
from common.executors.slot import Slot, listed

log = logging.getLogger("dts.executors")

OWN = "agent"
"""The group of the agent and its fence."""
_LOOK_EVERY = 0.001


class NoControlGroups(Exception):
    """We may make no control groups here that can be killed; the text says why."""


class ControlGroups:
    """The groups of one boot. `fence` is the pid of its parent process, if it has one, which moves with it.

    Safe to use from many threads.
    """

    def __init__(self, boot: str, fence: int | None, limits: TaskLimits | None = None) -> None:
        self._boot, self._limits = boot, limits or NO_LIMITS
        self._own = {os.getpid(), *([fence] if fence else [])}
        self._lock, self._starting = threading.Lock(), threading.Lock()
        self._free: dict[tuple[str, ...], list[Slot]] = defaultdict(list)
        self._made: list[Slot] = []
        self._numbers = itertools.count(1)
        self._at_work = 0
        self._unclaimed = False
        self._listed = -1
        self._root = self._base = Path()
        self._keeper = Keeper([], self._root, self._base)
        self.limitings: list[Limiting] = []
        """The limits of each attempt, whatever it asks for itself."""

    @property
    def bases(self) -> list[Path]:
        """The directories under which all groups of this boot are, or may be some time."""
        return [self._base, *self._keeper.bases]

    def open(self) -> None:
        """Make this boot's groups and move in; end what an earlier boot left in those in which we were started.

        Raises NoControlGroups.
        """
        try:
            found = list(hierarchies())
            place = next(one.directory for one in found if one.writable and one.kills())
            former = self._former(place)
            self._root = former.parent if former else place
            self._base = self._root / f"{PREFIX}{self._boot}"
            self._move_in()
        except StopIteration:
            raise NoControlGroups("none with cgroup.kill that may be written to") from None
        except (OSError, ValueError, IndexError) as error:
            raise NoControlGroups(str(error)) from error
        if former:
            end_groups([former])
        self._keeper = Keeper(found, self._root, self._base)
        self.limitings = self._keeper.usual(self._limits)

    def enclose(self, mark: Mapping[str, str], limits: TaskLimits = NO_LIMITS) -> "ControlGroup":
        wanted = self._keeper.tightened(self.limitings, limits)
        with self._lock:
            slot = self._slot(wanted)
            self._at_work += 1
        return ControlGroup(self, slot, mark)

    def close(self) -> None:
        for slot in self._made:
            slot.close()
        with contextlib.suppress(OSError):
            for pid in self._own:
                _move(self._root, pid)
        if self._listed >= 0:
            os.close(self._listed)
            self._listed = -1
        for base in self.bases:
            # What stays is what processes that can't be killed are in, and is our successor's to remove.
            remove_groups(base, GONE_WITHIN)

    def start(self, slot: Slot, spawn: Callable[[], Spawned]) -> tuple[Spawned, bool]:
        """Start a process in `slot`; returns it, and whether it is there with all that it started meanwhile."""
        with self._starting:
            before = listed(self._listed) - self._own
            orphans = {pid for pid in before if self._is_orphan(pid)}
            if orphans and not self._unclaimed:
                log.warning("orphans that are no task's are killed when none runs: pid %s", _joined(orphans))
                self._unclaimed = True
            process = spawn()
            try:
                slot.enter(process.pid)
                return process, self._followed(slot, process.pid, orphans)
            except OSError as error:
                log.warning("pid %d can't be moved into its group: %s", process.pid, error)
                return process, False

    def _followed(self, slot: Slot, main: int, orphans: set[int]) -> bool:
        """Move into `slot` what `main` forked before it was moved there itself."""
        deadline = time.monotonic() + GONE_WITHIN
        while time.monotonic() < deadline:
            strangers = listed(self._listed) - self._own - orphans
            ours = [pid for pid in strangers if self._is_orphan(pid, main)]
            if not ours:
                return True
            for pid in ours:
                slot.enter(pid)
            # One that is about to end can't be moved any more, and on a busy machine takes its time to be gone.
            select.select([], [], [], _LOOK_EVERY)
        log.warning("pid %d forks faster than its processes can be moved into their group", main)
        return False

    def take_back(self, slot: Slot) -> bool:
        """Use it again if it is empty; returns whether it is certain that nothing is left of who had it."""
        with self._lock:
            self._at_work -= 1
            if self._unclaimed and not self._at_work:
                self._end_unclaimed()
            # One in which something survived is never used again.
            empty = not slot.populated()
            if empty:
                self._free[slot.kind].append(slot)
            return empty and not self._unclaimed

    def _former(self, place: Path) -> Path | None:
        """The base of our own earlier boot, where `place`, in which we were started, belongs to one."""
        if place.name != OWN or not place.parent.name.startswith(PREFIX):
            return None
        # With others in it, it is that of an agent which lives, and whose executor started us.
        within = set(map(int, (place / "cgroup.procs").read_text().split()))
        return place.parent if within <= self._own else None

    def _move_in(self) -> None:
        leaf = self._base / OWN
        leaf.mkdir(parents=True)
        for pid in self._own:
            _move(leaf, pid)
        self._listed = os.open(leaf / "cgroup.procs", os.O_RDONLY | os.O_CLOEXEC)

    def _slot(self, wanted: list[Limiting]) -> Slot:
        """An empty one with these limits; the lock is held."""
        free = self._free[tuple(one.controller for one in wanted)]
        if free:
            free[-1].limit(wanted)
            return free.pop()
        slot = Slot(self._base / f"s{next(self._numbers)}", wanted)
        self._made.append(slot)
        return slot

    def _is_orphan(self, pid: int, main: int = 0) -> bool:
        """Whether it does not descend from the agent, unless by way of `main`."""
        ancestor = pid
        while seen := look(ancestor):
            ancestor = seen.parent
            if ancestor in (0, 1, main) or ancestor in self._own:
                return ancestor != os.getpid()
        # It has ended, or is being adopted just now.
        return look(pid) is not None and self._is_orphan(pid, main)

    def _end_unclaimed(self) -> None:
        orphans = [pid for pid in listed(self._listed) - self._own if self._is_orphan(pid)]
        self._unclaimed = not kill(orphans, GONE_WITHIN)
        log.warning("orphans that were no task's were killed: pid %s", _joined(orphans))


class ControlGroup:
    """The group of one attempt."""

    means = "cgroup"

    def __init__(self, groups: ControlGroups, slot: Slot, mark: Mapping[str, str]) -> None:
        self._groups, self._slot, self._mark = groups, slot, mark
        self._main = 0
        self._inside = True
        self._met = slot.met()
        self._exceeded: list[bool] = []

    def start(self, spawn: Callable[[], Spawned]) -> Spawned:
        process, self._inside = self._groups.start(self._slot, spawn)
        self._main = process.pid
        # What it forked before it was moved here was held back by nobody.
        self._exceeded = self._slot.exceeded()
        if any(self._exceeded):
            self.kill(GONE_WITHIN)
        return process

    def signal(self, number: int) -> int:
        pids = self._slot.pids()
        send_group(self._main, number)
        send((pid for pid in pids if (seen := look(pid)) and seen.group != self._main), number)
        return len(pids)

    def left(self) -> int:
        if not self._inside:
            # Of its group at least nothing may be left.
            send_group(self._main, signal.SIGKILL)
        return max(1, len(self._slot.pids())) if self._slot.populated() else 0

    def kill(self, within: float) -> int:
        pids = self._slot.pids()
        send_group(self._main, signal.SIGKILL)
        self._slot.kill(within)
        return len(pids)

    def overrun(self) -> str:
        exceeded = self._exceeded or [False] * len(self._met)
        seen = zip(self._slot.limitings, self._met, self._slot.met(), exceeded, strict=True)
        return " and ".join(str(limiting) for limiting, before, now, over in seen if now > before or over)

    def release(self) -> bool:
        return self._groups.take_back(self._slot) and self._inside


def _move(group: Path, pid: int) -> None:
    (group / "cgroup.procs").write_text(str(pid))


def _joined(pids: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(pids)))
