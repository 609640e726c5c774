"""How long it takes from asking a task to end until all its processes are gone."""

import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from common.bench.figures import Reading, quantile
from common.bench.noop import noops
from common.bench.rig import BY, WARM_UP, Place, Rig, Told, rig
from common.domain.task import Submission
from common.executors.environment import DEFAULT_PATH
from common.lab.errors import WrongState
from common.lab.task_processes import task_processes
from common.lab.until import until

TREE = "trap '' TERM; sleep 600 & setsid sleep 600 & setsid sh -c 'sleep 600 & wait' & wait"
"""A shell and four descendants that all ignore TERM; three of them have left its process group."""
SIZE = 5
WITHIN = 10.0
"""Seconds after which a process that is still there counts as a survivor."""
NO_GRACE = {"DTS_GRACE": "0"}
"""KILL follows TERM at once: the grace is the task's time, not ours."""


def kill(place: Place, count: int, told: Told) -> list[Reading]:
    """Cancel one task after the other, each a tree that ignores TERM. Raises NotYet where a process survives."""
    times, floor = [], []
    with rig(place, noops(WARM_UP), NO_GRACE) as system:
        for number in range(count):
            times.append(_cancelled(system))
            floor.append(_killed(_home(system)))
            told(number + 1, count)
    return [
        Reading("kill.p50", quantile(times, 0.50), quantile(floor, 0.50), tuple(times)),
        Reading("kill.max", max(times), max(floor)),
    ]


def _cancelled(system: Rig) -> float:
    """Milliseconds from the call that cancels."""
    (task_id,) = system.submit([Submission(content=TREE)])
    pids = _tree(_home(system), task_id)
    return until_gone(pids, lambda: system.store.cancel([task_id], BY))


def _killed(home: Path) -> float:
    """Milliseconds from the first of as many SIGKILLs, sent by who knows all pids."""
    env = {"PATH": DEFAULT_PATH, "TMPDIR": f"{home}/bare", "TASK_ID": "bare", "TASK_ATTEMPT": "1"}
    leader = _started(env)
    pids = _tree(home, "bare")
    try:
        return until_gone(pids, lambda: _kill(pids))
    finally:
        os.waitpid(leader, 0)


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _started(env: Mapping[str, str]) -> int:
    return os.posix_spawn("/bin/sh", ["sh", "-c", TREE], env, setsid=True)


def _tree(home: Path, task_id: str) -> Sequence[int]:
    """The pids of the task's processes, as soon as all of them are there."""

    def whole() -> list[int]:
        found = [process for process in task_processes(home) if process.task_id == task_id]
        # A process that has not become its program yet may not have set its trap either.
        ready = len(found) == SIZE and sum(process.name == "sleep" for process in found) == SIZE - 2
        return [process.pid for process in found] if ready else []

    return until(whole, what=f"{SIZE} processes of task {task_id}")


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
