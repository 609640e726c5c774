"""Processes as /proc shows them. Whatever goes away while it is looked at is not there."""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

_LOOK_EVERY = 0.001
"""Seconds between two looks at what was killed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One live process as it was seen."""

    pid: int
    parent: int
    group: int
    session: int


def look(pid: int) -> Seen | None:
    """The process with that pid; None where it is gone, or has ended and waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123
            # A program's name, in parentheses, may hold anything; what follows it is numbers.
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return None
    # One whose first thread is gone lives on in its others.
    if not fields or (fields[0] in b"ZX" and int(fields[17]) <= 1):
        return None
    return Seen(pid, int(fields[1]), int(fields[2]), int(fields[3]))


def everything() -> dict[int, Seen]:
    """All live processes, by pid."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208
    return {pid: seen for pid in pids if (seen := look(pid))}


def children(pid: int) -> list[int]:
    """The children of a process's first thread, zombies too. Raises OSError where the kernel doesn't say."""
    with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:  # noqa: PTH123
        return list(map(int, file.read().split()))


def below(pid: int) -> list[int]:
    """All that stand below a process, whichever of its threads started them; costs a look at each of these threads.

    Raises OSError where the kernel doesn't say whose children are whose.
    """
    os.stat(f"/proc/self/task/{threading.get_native_id()}/children")  # noqa: PTH116
    found: dict[int, None] = {}
    front = [pid]
    while front:
        born: list[int] = []
        for thread in _threads(front.pop()):
            with contextlib.suppress(OSError), open(f"{thread}/children", "rb") as file:  # noqa: PTH123
                born += map(int, file.read().split())
        front += [child for child in born if child not in found]
        found.update(dict.fromkeys(born))
    return list(found)


def _threads(pid: int) -> list[str]:
    try:
        return [f"/proc/{pid}/task/{thread}" for thread in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    except OSError:
        return []


def with_descendants(roots: Iterable[int], table: Mapping[int, Seen]) -> list[int]:
    """These, and all that stand below them in `table`; a parent before its children."""
    below: dict[int, list[int]] = {}
    for seen in table.values():
        below.setdefault(seen.parent, []).append(seen.pid)
    found: dict[int, None] = {}
    front = list(roots)
    while front:
        found.update(dict.fromkeys(front))
        front = [child for pid in front for child in below.get(pid, ()) if child not in found]
    return list(found)


def carries(pid: int, mark: Mapping[str, str]) -> bool:
    """Whether it was started with these in its environment; no where we may not look."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            environment = file.read().split(b"\0")
    except OSError:
        return False
    return all(os.fsencode(f"{name}={value}") in environment for name, value in mark.items())


def send(pids: Iterable[int], number: int) -> None:
    """Signal each; those that are gone are passed over, as are those that run as somebody else."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def send_group(group: int, number: int) -> None:
    """Signal a process group, if there is one and it may be signalled."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def kill(pids: Collection[int], within: float) -> bool:
    """KILL each and wait up to `within` seconds; returns whether all have ended. Zombies have."""
    deadline = time.monotonic() + within
    send(pids, signal.SIGKILL)
    alive = [pid for pid in pids if look(pid)]
    while alive and time.monotonic() < deadline:
        select.select([], [], [], _LOOK_EVERY)
        alive = [pid for pid in alive if look(pid)]
    return not alive
