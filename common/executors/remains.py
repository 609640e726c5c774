"""What boots leave behind of their control groups: noted while they live, ended and removed when they are gone."""

import contextlib
import os
import select
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

PREFIX = "dts."
"""Stands before the boot in the name of the group below which all of its groups are."""
NOTE = ".groups"
"""A file in a boot's directory that names those groups, one a line."""
GONE_WITHIN = 1.0
"""Seconds; a killed process is gone within milliseconds, unless it is stuck in the kernel."""
_LOOK_EVERY = 0.001


def note_groups(directory: Path, bases: Sequence[Path]) -> None:
    """Leave word in a boot's directory of where its groups are, if it has any. Raises OSError."""
    if bases:
        (directory / NOTE).write_text("".join(f"{base}\n" for base in bases))


def end_noted_groups(directory: Path) -> None:
    """KILL all in the groups that a boot noted in its directory, and remove them; it lives no more."""
    try:
        bases = [Path(line) for line in (directory / NOTE).read_text().splitlines()]
    except (OSError, UnicodeError):
        return
    # Its tasks might have written there too: what does not bear that boot's name is not its group.
    end_groups(base for base in bases if base.name == f"{PREFIX}{directory.name}")


def end_groups(bases: Iterable[Path]) -> None:
    """KILL all in these groups and below, and remove them; waits up to about a second for each."""
    for base in bases:
        with contextlib.suppress(OSError):
            (base / "cgroup.kill").write_text("1")
        remove_groups(base, GONE_WITHIN)


def remove_groups(base: Path, within: float = 0.0) -> bool:
    """Remove a group with all below it, none of which has a process; returns whether it is gone, after a while."""
    deadline = time.monotonic() + within
    while not _removed(base):
        if time.monotonic() >= deadline:
            return False
        select.select([], [], [], _LOOK_EVERY)
    return True


def _removed(group: Path) -> bool:
    try:
        for entry in os.scandir(group):
            if entry.is_dir(follow_symlinks=False):
                _removed(Path(entry))
        group.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True
