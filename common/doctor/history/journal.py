"""The journal that tasks write themselves, and no bug of ours can gloss over: how its lines are read.

    clock <seconds since 1970 when this machine was started> <host>       once, by whoever makes the file
    start <task id> <attempt> <pid> <seconds since this machine was started>
    end <task id> <attempt> <pid> <seconds since this machine was started>

Each line is one write to a file opened for appending (`>>` in a shell), so that lines of many tasks never mix. A task
knows its id and attempt as TASK_ID and TASK_ATTEMPT, and the time as the first word of /proc/uptime.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from common.doctor.history.records import Line
from common.domain.errors import BadMessage

FILES = "*journal"
"""Names of such files, where a directory of them is read."""


def clock_line(host: str = "") -> str:
    """The first line of a journal on this machine."""
    return f"clock {time.time() - time.clock_gettime(time.CLOCK_BOOTTIME):.3f} {host}".rstrip()


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of one file, in the order in which they were written. Raises BadMessage, which names the bad line."""
    started, host = 0.0, path.name
    with path.open(errors="replace") as file:
        for number, text in enumerate(file, 1):
            words = text.split()
            try:
                if words[:1] == ["clock"]:
                    started, host = float(words[1]), " ".join(words[2:]) or host
                    continue
                what, task_id, attempt, pid, at = words
                wall = started + float(at) if started else 0.0
                yield Line(what, task_id, int(attempt), int(pid), float(at), wall, host)
            except (ValueError, IndexError):
                raise BadMessage(f"{path}, line {number}: {text.strip()[:80]!r} is no line of a journal") from None


def read_journal(place: Path) -> Mapping[str, list[Line]]:
    """All lines of a file, or of the journals in a directory, by task id. Raises BadMessage, OSError."""
    found: dict[str, list[Line]] = defaultdict(list)
    for path in sorted(place.glob(FILES)) if place.is_dir() else [place]:
        for line in read_lines(path):
            found[line.task_id].append(line)
    return found
