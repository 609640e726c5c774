"""Where something was measured, and what others did there meanwhile."""

import contextlib
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from common.lab.profile import Profile
from common.lab.servers.redis import redis_binary


def description(profile: str) -> dict[str, str]:
    """What a reader of the figures wants to know. Raises MissingServer where the profile has none."""
    return {
        "dts": version("dts"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "server": _server(profile),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "measuredAt": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@dataclass(slots=True)
class Others:
    """How many cores processes that are neither ours nor our descendants kept busy, on average."""

    cores: float = 0.0


@contextlib.contextmanager
def watched() -> Iterator[Others]:
    """Measures during the block; the value stands at its end. Members must be reaped by then, as a cluster's are."""
    others = Others()
    begun, busy, own = time.monotonic(), _busy(), _own()
    try:
        yield others
    finally:
        seconds = max(time.monotonic() - begun, 1e-6)
        others.cores = max(0.0, (_busy() - busy - (_own() - own)) / seconds)


def _busy() -> float:
    """Seconds of all cores together, since the machine's start."""
    times = psutil.cpu_times()._asdict()
    return float(sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal")))


def _own() -> float:
    """Ours and that of all our descendants, also of those that are gone."""
    us = psutil.Process()
    total = 0.0
    for process in [us, *us.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def _server(profile: str) -> str:
    """What the server's binary says of itself, like "Redis server v=7.0.15"."""
    command = [str(redis_binary(Profile(profile))), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return " ".join(said.split()[:3])


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
