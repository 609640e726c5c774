"""The processes in which tasks run on this machine, told by the environment that their executor gave them."""

import os
from collections.abc import Iterator
from pathlib import Path

from common.lab.picture import TaskProcess


def task_processes(home: Path) -> list[TaskProcess]:
    """Those that work in a private directory below `home`, oldest pid first; others' are never looked at for long."""
    needle = b"\0TMPDIR=" + os.fsencode(home) + b"/"
    return sorted(_found(needle), key=lambda process: process.pid)


def _found(needle: bytes) -> Iterator[TaskProcess]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = b"\0" + (entry / "environ").read_bytes()
            if needle not in environment:
                continue
            values = dict(part.partition(b"=")[::2] for part in environment.split(b"\0"))
            task_id, attempt = values[b"TASK_ID"].decode(), int(values[b"TASK_ATTEMPT"])
            yield TaskProcess(task_id, attempt, int(entry.name), (entry / "comm").read_text().strip())
        except (OSError, KeyError, ValueError):
            # Gone meanwhile, somebody else's, or no task's.
            continue
