"""How long it takes from asking a task to end until all its processes are gone."""

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from common.bench.figures import Reading, quantile
from common.bench.noop import noops
from common.bench.rig import BY, WARM_UP, Place, Rig, Told, rig
from common.domain.task import Submission
from common.executors.environment import DEFAULT_PATH
from common.lab.errors import WrongState
from common.lab.home import MARK
from common.lab.until import until

_SLEEP = "sleep 600.{number}"
_SCRUBBED = f'env -i PATH="$PATH" {MARK}="${MARK}" setsid'
"""The home's mark stays, so that the bench leaves nothing behind whatever becomes of it; dts does not look for that."""
_DAEMON = f"{_SCRUBBED} sh -c '{_SCRUBBED} {_SLEEP} &' >/dev/null 2>&1 &"
"""Its middle one goes at once. What is left has a session of its own, nothing of its task's, and was adopted."""
TREE = f"trap '' TERM; {_SLEEP} & setsid {_SLEEP} & setsid sh -c '{_SLEEP} & wait' & {_DAEMON} {_DAEMON} wait"
"""A shell and six descendants that all ignore TERM; five have left its process group, two of them all else as well."""
SIZE, SLEEPING = 7, 5
WITHIN = 10.0
"""Seconds after which a process that is still there counts as a survivor."""
NO_GRACE = {"DTS_GRACE": "0"}
"""KILL follows TERM at once: the grace is the task's time, not ours."""


def kill(place: Place, count: int, told: Told) -> list[Reading]:
    """Cancel one task after the other, each a tree that ignores TERM. Raises NotYet where a process survives."""
    times, floor = [], []
    with rig(place, noops(WARM_UP), NO_GRACE) as system:
        for number in range(count):
            # Nobody else's tree has these numbers.
            unique = os.getpid() * 1_000_000 + number * 2
            times.append(_cancelled(system, unique))
            floor.append(_killed(_home(system), unique + 1))
            told(number + 1, count)
    return [
        Reading("kill.p50", quantile(times, 0.50), quantile(floor, 0.50), tuple(times)),
        Reading("kill.max", max(times), max(floor)),
    ]


def _cancelled(system: Rig, number: int) -> float:
    """Milliseconds from the call that cancels."""
    (task_id,) = system.submit([Submission(content=TREE.format(number=number))])
    pids = _tree(number)
    return until_gone(pids, lambda: system.store.cancel([task_id], BY))


def _killed(home: Path, number: int) -> float:
    """Milliseconds from the first of as many SIGKILLs, sent by who knows all pids."""
    # By its mark the system's end finds it, whatever becomes of us meanwhile.
    env = {"PATH": DEFAULT_PATH, MARK: str(home)}
    leader = os.posix_spawn("/bin/sh", ["sh", "-c", TREE.format(number=number)], env, setsid=True)
    pids = _tree(number)
    milliseconds = until_gone(pids, lambda: _kill(pids))
    os.waitpid(leader, 0)
    return milliseconds


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _tree(number: int) -> Sequence[int]:
    """The pids of a tree's processes, as soon as all of them are there: told by the number in their command lines."""
    token = _SLEEP.format(number=number).encode().replace(b" ", b"\0")

    def whole() -> list[int]:
        lines = {
            pid: line for pid in psutil.pids() if (line := _command_line(pid)) and token in line.replace(b" ", b"\0")
        }
        # A process that has not become its program yet may not have set its trap either.
        ready = len(lines) == SIZE and sum(line.startswith(b"sleep\0") for line in lines.values()) == SLEEPING
        return list(lines) if ready else []

    return until(whole, what=f"the {SIZE} processes of tree {number}")


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def until_gone(pids: Sequence[int], act: Callable[[], object]) -> float:
    """Milliseconds from the call of `act` until the last of these processes has ended.

    Raises RuntimeError where one survives for WITHIN seconds.
    """
    with ExitStack() as at_the_end:
        waiting = select.poll()
        for pid in pids:
            descriptor = os.pidfd_open(pid)
            at_the_end.callback(os.close, descriptor)
            waiting.register(descriptor, select.POLLIN)
        begun, left = time.perf_counter(), len(pids)
        act()
        while left:
            ended = waiting.poll(WITHIN * 1000)
            if not ended:
                raise RuntimeError(f"{left} of {len(pids)} processes of a task survived for {WITHIN:g} s")
            for descriptor, _ in ended:
                waiting.unregister(descriptor)
            left -= len(ended)
        return (time.perf_counter() - begun) * 1000


def _home(system: Rig) -> Path:
    if system.world.home is None:
        raise WrongState("its tasks run elsewhere: their processes can't be seen from here")
    return system.world.home
