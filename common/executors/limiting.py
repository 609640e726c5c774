"""The limits of an attempt, as files of the kernel's control groups."""

import contextlib
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.executors.cgroups import Hierarchy
from common.executors.enclosure import LimitNotKept, TaskLimits

log = logging.getLogger("dts.executors")


@dataclass(frozen=True, slots=True)
class Files:
    """How a controller is told a limit, and how it tells that the limit was met."""

    limit: str
    others: dict[str, str]
    """Files that a machine may lack, with what is written; '' is the limit itself."""
    count: str
    counted: str
    first: dict[str, str] = field(default_factory=dict)
    """Files that may hold a former limit, which the new one may not exceed, with what lifts it."""


_FILES = {
    ("memory", True): Files("memory.max", {"memory.swap.max": "0"}, "memory.events", "oom_kill"),
    ("memory", False): Files(
        "memory.limit_in_bytes",
        {"memory.memsw.limit_in_bytes": ""},
        "memory.oom_control",
        "oom_kill",
        {"memory.memsw.limit_in_bytes": "-1"},
    ),
    ("pids", True): Files("pids.max", {}, "pids.events", "max"),
    ("pids", False): Files("pids.max", {}, "pids.events", "max"),
}


@dataclass(frozen=True, slots=True)
class Limiting:
    """One limit, kept by groups below `base`, which is None where the groups of version 2 keep it themselves."""

    controller: str
    limit: int
    base: Path | None

    @property
    def _files(self) -> Files:
        return _FILES[self.controller, self.base is None]

    def apply(self, group: Path) -> None:
        """Set it for a group, in which nothing is. Raises OSError."""
        for name, lifted in self._files.first.items():
            with contextlib.suppress(FileNotFoundError):
                (group / name).write_text(lifted)
        (group / self._files.limit).write_text(str(self.limit))
        for name, text in self._files.others.items():
            with contextlib.suppress(FileNotFoundError):
                (group / name).write_text(text or str(self.limit))

    def met(self, group: Path) -> int:
        """How often it was met so far."""
        with contextlib.suppress(OSError):
            for line in (group / self._files.count).read_text().splitlines():
                name, _, number = line.partition(" ")
                if name == self._files.counted:
                    return int(number)
        return 0

    def exceeded(self, group: Path) -> bool:
        """Whether more is in the group than may be: the kernel holds back who wants more, not who is moved in."""
        if self.controller != "pids":
            return False
        with contextlib.suppress(OSError, ValueError):
            return int((group / "pids.current").read_text()) > self.limit
        return False

    def __str__(self) -> str:
        if self.controller == "pids":
            return f"its limit of {self.limit} processes"
        return f"its memory limit of {amount(self.limit)}"


class Keeper:
    """Where limits can be kept on this machine; what that needs is made when the first attempt asks for it.

    `base` is the group below which ours are, `root` the one above. Safe to use from many threads.
    """

    def __init__(self, found: Iterable[Hierarchy], root: Path, base: Path) -> None:
        self._hierarchies, self._root, self._base = list(found), root, base
        self._lock = threading.Lock()
        self._found: dict[str, Path | None] = {}

    @property
    def bases(self) -> list[Path]:
        """The groups of version 1 below which ours are, or may be some time."""
        return [one.directory / self._base.name for one in self._hierarchies if one.controllers and _may(one)]

    def usual(self, limits: TaskLimits) -> list[Limiting]:
        """What can be kept of limits that hold for all attempts; what can't is logged."""
        kept = []
        for controller, limit in limits.by_controller().items():
            try:
                kept.append(self._limiting(controller, limit))
            except LimitNotKept as error:
                log.warning("%s is not kept: %s", _SETTING[controller], error)
        return kept

    def tightened(self, usual: Sequence[Limiting], own: TaskLimits) -> list[Limiting]:
        """The usual ones and those that an attempt asks for itself, of two the tighter. Raises LimitNotKept."""
        kept = {one.controller: one for one in usual}
        for controller, limit in own.by_controller().items():
            one = kept.get(controller) or self._limiting(controller, limit)
            kept[controller] = replace(one, limit=min(limit, one.limit))
        return [kept[controller] for controller in sorted(kept)]

    def _limiting(self, controller: str, limit: int) -> Limiting:
        with self._lock:
            if controller not in self._found:
                self._found[controller] = self._place(controller)
            return Limiting(controller, limit, self._found[controller])

    def _place(self, controller: str) -> Path | None:
        """The base of its groups; None where those of version 2 keep it."""
        if _enabled(controller, self._root) and _enabled(controller, self._base):
            return None
        for one in self._hierarchies:
            if controller in one.controllers and one.writable:
                base = one.directory / self._base.name
                with contextlib.suppress(OSError):
                    base.mkdir(exist_ok=True)
                    return base
        raise LimitNotKept(f"this machine lets us limit no {_WORD[controller]}")


def _may(hierarchy: Hierarchy) -> bool:
    return hierarchy.writable and bool(hierarchy.limits())


_SETTING = {"memory": "DTS_TASK_MEMORY", "pids": "DTS_TASK_PROCESSES"}
_WORD = {"memory": "memory", "pids": "number of processes"}


def _enabled(controller: str, group: Path) -> bool:
    """Whether the groups below a group of version 2 have it, if need be from now on."""
    with contextlib.suppress(OSError):
        if controller in (group / "cgroup.controllers").read_text().split():
            (group / "cgroup.subtree_control").write_text(f"+{controller}")
            return True
    return False


def amount(size: int) -> str:
    """Bytes in the largest unit that shows them whole."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size % (1 << power) == 0:
            return f"{size >> power} {unit}"
    return f"{size:,} bytes"
