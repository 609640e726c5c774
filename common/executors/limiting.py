"""The limits of an attempt, as files of the kernel's control groups."""

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from common.executors.cgroups import Hierarchy
from common.executors.enclosure import TaskLimits

log = logging.getLogger("dts.executors")


@dataclass(frozen=True, slots=True)
class Files:
    """How a controller is told a limit, and how it tells that the limit was met."""

    limit: str
    others: dict[str, str]
    """Files that a machine may lack, with what is written; '' is the limit itself."""
    count: str
    counted: str


_FILES = {
    ("memory", True): Files("memory.max", {"memory.swap.max": "0"}, "memory.events", "oom_kill"),
    ("memory", False): Files(
        "memory.limit_in_bytes", {"memory.memsw.limit_in_bytes": ""}, "memory.oom_control", "oom_kill"
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
        """Set it for a group. Raises OSError."""
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


def limitings(limits: TaskLimits, found: Iterable[Hierarchy], root: Path, base: Path) -> Iterator[Limiting]:
    """What of `limits` can be kept here; what can't is logged. `base` is that of our groups, `root` the group above."""
    asked = {"memory": limits.memory, "pids": limits.processes}
    hierarchies = list(found)
    for controller, limit in asked.items():
        if limit is None:
            continue
        if _enabled(controller, root) and _enabled(controller, base):
            yield Limiting(controller, limit, None)
            continue
        place = next((one.directory for one in hierarchies if controller in one.controllers and one.writable), None)
        if place is None:
            log.warning("%s is not kept: this machine lets us limit no %s", _SETTING[controller], _WORD[controller])
            continue
        (place / base.name).mkdir(exist_ok=True)
        yield Limiting(controller, limit, place / base.name)


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
