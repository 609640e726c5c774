"""Ending what a task leaves behind outside its main process.

Slow, for it walks all processes; not for the common case, in which a task ends by itself and nothing of
it is left to hold its output.
"""

import logging
import math
import os
import select
import time
from collections.abc import Mapping

import psutil

log = logging.getLogger("dts.executors")

_ROUNDS = 10
_GONE_WITHIN = 1.0
"""Seconds; a killed process is gone within milliseconds, unless it is stuck in the kernel."""


def kill_marked(mark: Mapping[str, str], spare: int) -> None:
    """KILL every process whose start environment carries `mark`, until none is found; blocks for at most seconds.

    Finds what left the process group by `setsid`, but not what also changed its environment.
    `spare` is the pid of the main process, which its owner signals and reaps itself.
    """
    for _ in range(_ROUNDS):
        # One that forks just as it is looked for may slip through: look again until none is left.
        found = [process for process in psutil.process_iter() if process.pid != spare and _carries(process, mark)]
        if not found:
            return
        for process in found:
            _kill(process)
        _wait(found)
    log.warning("processes marked %s still come back after %d kills", dict(mark), _ROUNDS)


def await_group_gone(group: int) -> None:
    """Wait until no live process is left of a killed group, whose leader is reaped; blocks for at most a second."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return
    alive = _wait([process for process in psutil.process_iter() if _is_in(process, group)])
    if alive:
        log.warning("not gone after SIGKILL: pid %s", ", ".join(str(process.pid) for process in alive))


def _carries(process: psutil.Process, mark: Mapping[str, str]) -> bool:
    try:
        return mark.items() <= process.environ().items()
    except (psutil.Error, OSError):
        return False


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        pass
    except psutil.Error as error:
        log.warning("a process that a task left behind can't be killed: %s", error)


def _is_in(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def _wait(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Returns those that have not ended within a second. A zombie has ended: to reap it is up to its new parent."""
    deadline = time.monotonic() + _GONE_WITHIN
    return [process for process in processes if not _ends(process, deadline - time.monotonic())]


def _ends(process: psutil.Process, within: float) -> bool:
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    except (AttributeError, OSError):
        return not psutil.wait_procs([process], timeout=max(0.0, within))[1]
    try:
        waiter = select.poll()
        waiter.register(fd, select.POLLIN)
        return bool(waiter.poll(max(0, math.ceil(within * 1000))))
    finally:
        os.close(fd)
