"""Which control groups the kernel offers here, and what they would let an agent do. Looks only; makes nothing."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LIMITS = ("memory", "pids")
"""The controllers by which a task's memory and the number of its processes are bounded."""
_KILL_SINCE = (5, 14)
"""The first kernel that has cgroup.kill."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted hierarchy, and the group in it in which a process stands. No `controllers` means version 2."""

    directory: Path
    controllers: frozenset[str]

    @property
    def writable(self) -> bool:
        """Whether groups can be made below it."""
        return os.access(self.directory, os.W_OK | os.X_OK)

    def kills(self, kernel: str | None = None) -> bool:
        """Whether groups made below it have cgroup.kill; the root of all groups has none. `kernel`: its release."""
        if self.controllers:
            return False
        number = re.match(r"(\d+)\.(\d+)", kernel or os.uname().release)
        known = number is not None and (int(number[1]), int(number[2])) >= _KILL_SINCE
        return known or (self.directory / "cgroup.kill").exists()

    def limits(self) -> set[str]:
        """Which of LIMITS it can keep."""
        if self.controllers:
            return set(LIMITS) & self.controllers
        try:
            return set(LIMITS) & set((self.directory / "cgroup.controllers").read_text().split())
        except OSError:
            return set()


def hierarchies(proc: Path = Path("/proc")) -> Iterator[Hierarchy]:
    """All that are mounted, each at the group of this process.

    Raises OSError, ValueError or IndexError where these files are not as Linux writes them.
    """
    own: dict[frozenset[str], str] = {}
    for line in (proc / "self" / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        own[frozenset(filter(None, controllers.split(",")))] = path
    for line in (proc / "self" / "mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        root, point = mount.split(" ")[3:5]
        kind, _, options = source.split(" ", 2)
        of_mount = frozenset(options.split(","))
        for names, path in own.items():
            if kind == ("cgroup" if names else "cgroup2") and names <= of_mount:
                yield Hierarchy(_inside(point, root, path), names)


def _inside(point: str, root: str, path: str) -> Path:
    """The directory of a group in a mount that shows the part of its hierarchy below `root`."""
    point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)
    inside = path.removeprefix(root) if root != "/" else path
    return Path(point, inside.lstrip("/"))
