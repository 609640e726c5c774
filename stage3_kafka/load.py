"""Load: how busy this machine is, and which part of that an agent's own tasks have."""

import contextlib
import os
import time
from typing import NamedTuple

import psutil

from common.executors.processes import below


class Share(NamedTuple):
    """Parts of the whole machine, from 0 to 1."""

    cpu: float
    own: float
    memory: float


class Load:
    """Measures since the last call. `root` is the process below which all tasks of the agent are. For one thread."""

    def __init__(self, root: int) -> None:
        self._root, self._cores = root, psutil.cpu_count() or 1
        self._used: dict[tuple[int, float], float] = {}
        self._at = time.monotonic()
        # The first answer is always 0.0.
        psutil.cpu_percent()

    def measure(self) -> Share:
        """Since the call before."""
        now, used = time.monotonic(), self._processor_seconds()
        spent = sum(seconds - self._used.get(process, 0.0) for process, seconds in used.items())
        own = spent / max(0.01, now - self._at) / self._cores
        self._used, self._at = used, now
        return Share(
            round(psutil.cpu_percent() / 100, 3),
            round(min(1.0, own), 3),
            round(psutil.virtual_memory().percent / 100, 3),
        )

    def _processor_seconds(self) -> dict[tuple[int, float], float]:
        """Of each process of a task; the agent itself is none."""
        used = {}
        for pid in _below(self._root):
            try:
                if pid != os.getpid():
                    process = psutil.Process(pid)
                    times = process.cpu_times()
                    used[pid, process.create_time()] = times.user + times.system
            except psutil.Error:
                continue
        return used


def _below(root: int) -> list[int]:
    try:
        return below(root)
    except OSError:
        # Then each process of the machine has to be looked at.
        with contextlib.suppress(psutil.Error):
            return [process.pid for process in psutil.Process(root).children(recursive=True)]
        return []
