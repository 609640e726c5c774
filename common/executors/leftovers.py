"""Ending what carries a mark in its environment, whoever started it."""

import logging
from collections.abc import Mapping

from common.executors.processes import carries, everything, kill
from common.executors.remains import GONE_WITHIN

log = logging.getLogger("dts.executors")

_ROUNDS = 10


def kill_marked(mark: Mapping[str, str], spare: int) -> int:
    """KILL every process whose start environment carries `mark`, until none is found; blocks for at most seconds.

    Returns how many there were. Finds what left its process group by `setsid`, but not what also changed its
    environment. `spare` is the pid of a process that is left alone.
    """
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        # One that forks just as it is looked for may slip through: look again until none is left.
        found = [pid for pid in everything() if pid != spare and carries(pid, mark)]
        if not found:
            return len(killed)
        killed.update(found)
        kill(found, GONE_WITHIN)
    log.warning("processes marked %s still come back after %d kills", dict(mark), _ROUNDS)
    return len(killed)
