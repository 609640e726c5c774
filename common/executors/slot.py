"""One control group for one attempt at a time: its files, kept open for as long as it is used again and again."""

import contextlib
import os
import select
import time
from collections.abc import Sequence
from pathlib import Path

from common.executors.limiting import Limiting

_LOOK_EVERY = 0.001
_CHUNK = 65536


class Slot:
    """A group of version 2, and those of version 1 that keep its limits. Made on the spot; raises OSError."""

    def __init__(self, directory: Path, limitings: Sequence[Limiting] = ()) -> None:
        self._open: list[int] = []
        directory.mkdir()
        self._limits = [(one, one.base / directory.name if one.base else directory) for one in limitings]
        self.kind = tuple(one.controller for one in limitings)
        """The controllers of its limits: of one kind the limits can be changed."""
        beside = [place for _, place in self._limits if place != directory]
        try:
            self._procs = self._file(directory / "cgroup.procs", os.O_RDWR)
            self._events = self._file(directory / "cgroup.events", os.O_RDONLY)
            self._kill = self._file(directory / "cgroup.kill", os.O_WRONLY)
            for place in beside:
                place.mkdir()
            self._joined = [self._procs, *(self._file(place / "cgroup.procs", os.O_WRONLY) for place in beside)]
            for one, place in self._limits:
                one.apply(place)
        except OSError:
            self.close()
            raise

    @property
    def limitings(self) -> list[Limiting]:
        """The limits that hold for who is in it."""
        return [one for one, _ in self._limits]

    def limit(self, limitings: Sequence[Limiting]) -> None:
        """Set other limits of the same kind; nothing may be in it. Raises OSError."""
        for number, (one, (former, place)) in enumerate(zip(limitings, self._limits, strict=True)):
            if one != former:
                one.apply(place)
                self._limits[number] = (one, place)

    def met(self) -> list[int]:
        """How often each limit was met so far."""
        return [one.met(place) for one, place in self._limits]

    def exceeded(self) -> list[bool]:
        """Whether more is in it than each limit allows."""
        return [one.exceeded(place) for one, place in self._limits]

    def enter(self, pid: int) -> None:
        """Move a process in, with all its threads. Raises OSError; one that is gone meanwhile is no error."""
        with contextlib.suppress(ProcessLookupError):
            for procs in self._joined:
                os.write(procs, b"%d" % pid)

    def populated(self) -> bool:
        """Whether any process in it is alive; zombies are not."""
        return b"populated 1" in os.pread(self._events, 256, 0)

    def pids(self) -> set[int]:
        """The live processes in it, without those in groups that they made themselves."""
        return listed(self._procs)

    def kill(self, within: float) -> bool:
        """KILL all in it, in one act of the kernel; returns whether none is left, after up to `within` seconds."""
        os.write(self._kill, b"1")
        deadline = time.monotonic() + within
        while self.populated():
            if time.monotonic() > deadline:
                return False
            # Not by waiting for the file to change: the kernel tells of that at most a hundred times a second.
            select.select([], [], [], _LOOK_EVERY)
        return True

    def close(self) -> None:
        """Give the files back; the group stays."""
        while self._open:
            os.close(self._open.pop())

    def _file(self, path: Path, flags: int) -> int:
        self._open.append(os.open(path, flags | os.O_CLOEXEC))
        return self._open[-1]


def listed(procs: int) -> set[int]:
    """The pids in an open cgroup.procs."""
    data = part = os.pread(procs, _CHUNK, 0)
    while part:
        # Nothing comes after a short piece but what has come meanwhile.
        part = os.pread(procs, _CHUNK, len(data)) if len(part) == _CHUNK else b""
        data += part
    return set(map(int, data.split()))
