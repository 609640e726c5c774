"""What tasks write down themselves, which no bug of ours can gloss over: each start and end, and any overlap."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from common.doctor.history.journal import clock_line, read_journal, read_lines
from common.doctor.history.records import Line

ENDLESS_AT_FIRST = "$((TASK_ATTEMPT > 1 ? 0 : 60))"


class Journal:
    """A file that tasks append to, one whole line at a time."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "journal"
        self._path.write_text(f"{clock_line()}\n")
        self._locks = directory

    def task(self, seconds: float | str = 0, meanwhile: str = ":") -> str:
        """A command line that notes its start and its end, and whether another attempt of its task lives meanwhile.

        In between it does `meanwhile`, then sleeps; `seconds` may be ENDLESS_AT_FIRST.

        All that an attempt starts holds its lock, so it is free only when the last of it is gone.
        """
        note = f'"$TASK_ID $TASK_ATTEMPT $$ $at" >> {self._path}'
        now = "read at _ < /proc/uptime"
        return (
            f"exec 9> {self._locks}/$TASK_ID.lock; {now}; flock -n 9 || echo overlap {note}; "
            f"echo start {note}; {meanwhile}; sleep {seconds}; {now}; echo end {note}"
        )

    @property
    def daemon(self) -> str:
        """A command that leaves something behind: it has a session of its own, nothing of its task's, and is adopted.

        It notes its pid as "daemon" and holds the lock of the attempt that started it.
        """
        note = f"read at _ < /proc/uptime; echo daemon $TASK_ID $TASK_ATTEMPT '$$ $at' >> {self._path}"
        return f'env -i setsid sh -c "setsid sh -c \\"{note}; exec sleep 60\\" &" > /dev/null 2>&1'

    def lines(self) -> list[Line]:
        return list(read_lines(self._path))

    def by_task(self) -> Mapping[str, list[Line]]:
        return read_journal(self._path)

    def starts(self) -> list[str]:
        """The ids of the tasks in the order in which they started."""
        return [line.task_id for line in self.lines() if line.what == "start"]

    def most_at_once(self) -> int:
        now = most = 0
        for line in self.lines():
            now += {"start": 1, "end": -1}.get(line.what, 0)
            most = max(most, now)
        return most

    def check(self) -> None:
        """No two attempts of a task lived at the same time, and no attempt started twice."""
        lines = self.lines()
        assert [line for line in lines if line.what == "overlap"] == []
        starts = Counter((line.task_id, line.attempt) for line in lines if line.what == "start")
        assert [start for start, times in starts.items() if times > 1] == []


def uptime() -> float:
    """Now, in seconds since this machine was started: the clock of the journal, and of when processes were."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
