"""What the kernel's control groups would let an agent do here: end a task's processes for sure, and limit them."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.doctor.verdicts import Checked, ok, unknown, warn

NAME = "cgroups"
LIMITS = ("memory", "pids")
_KILL_SINCE = (5, 14)
"""The first kernel that has cgroup.kill."""
_ADVICE = (
    "where there is systemd: systemd-run --user -p Delegate=yes …, or Delegate=yes in the agent's unit; in a "
    "container: a writable /sys/fs/cgroup. Without, a process that escapes its task is found by its mark in /proc"
)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted hierarchy, and where in it a process stands. `controllers` is empty for version 2."""

    directory: Path
    controllers: frozenset[str]

    @property
    def writable(self) -> bool:
        return os.access(self.directory, os.W_OK | os.X_OK)


def check_cgroups(proc: Path = Path("/proc"), kernel: str | None = None) -> Checked:
    """Looks only; makes nothing. `proc` and `kernel` (its release) are those of this machine."""
    try:
        usable = [one for one in _hierarchies(proc) if one.writable]
    except (OSError, ValueError, IndexError) as error:
        return unknown(NAME, f"this machine does not say: {error}", _ADVICE)
    kill = any(_kills(one, kernel or os.uname().release) for one in usable if not one.controllers)
    limits = sorted(set().union(*map(_limits, usable)))
    where = [str(one.directory) for one in usable if not one.controllers or _limits(one)]
    seen = (
        f"{'cgroup.kill' if kill else 'no cgroup.kill'}; limits of {' and '.join(limits) or 'nothing'} "
        f"({', '.join(where) or 'none that may be written'})"
    )
    return ok(NAME, seen) if kill and len(limits) == len(LIMITS) else warn(NAME, seen, _ADVICE)


def _hierarchies(proc: Path) -> Iterator[Hierarchy]:
    """Raises OSError, ValueError or IndexError where these files are not as Linux writes them."""
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


def _kills(group: Hierarchy, kernel: str) -> bool:
    """The root of all groups has no cgroup.kill, but those made below it do."""
    number = re.match(r"(\d+)\.(\d+)", kernel)
    known = number is not None and (int(number[1]), int(number[2])) >= _KILL_SINCE
    return known or (group.directory / "cgroup.kill").exists()


def _limits(group: Hierarchy) -> set[str]:
    if group.controllers:
        return set(LIMITS) & group.controllers
    try:
        return set(LIMITS) & set((group.directory / "cgroup.controllers").read_text().split())
    except OSError:
        return set()
