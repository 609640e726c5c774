"""Spool: ends of attempts on disk, from the moment they are known until they are stored.

One file per boot, `<spool>/<boot>`, one end a line; an empty line says that all before it is stored. The agent that
is killed while Redis is away leaves its file behind, and its next boot reports what stands there before it takes
anything back.
"""

import errno
import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from pydantic_core import to_json

from common.contracts import Report
from common.domain.errors import BadMessage
from common.domain.reports import Finished, finished_of, record_of
from common.logs import about

log = logging.getLogger("dts.spool")

STORED = b"\n"
LONGEST = 4_194_304
"""Bytes of stored ends after which the file is emptied even while more keep coming."""


class Spool:
    """The ends of one boot. Called from one thread; nothing here raises, for a full disk must not stop the agent.

    What can't be written is said and goes on without: then an end lives only as long as this process.
    """

    def __init__(self, directory: Path, boot: str) -> None:
        self._directory, self._path = directory, directory / boot
        self._file: int | None = None
        self._size = 0
        self._settled = True
        self._troubled = False

    def keep(self, ends: Sequence[Finished]) -> None:
        """Append them. Safe from the death of this process at once, from that of the machine when the disk has it."""
        lines = b"".join(map(_line, ends))
        if self._settled and self._size:
            lines = STORED + lines
        self._settled = False
        try:
            if self._file is None:
                self._directory.mkdir(0o700, parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            written = os.write(self._file, lines)
            # Of a line that found only half its room nothing stays: it would spoil the next one.
            whole = written if written == len(lines) else lines.rfind(b"\n", 0, written) + 1
            self._size += whole
            if written < len(lines):
                os.ftruncate(self._file, self._size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._troubled = False
        except OSError as error:
            if not self._troubled:
                self._troubled = True
                log.warning("ends are not spooled: %s: %s", self._path, error.strerror)

    def settle(self) -> None:
        """All that was kept is stored. Cheap: the file learns of it with the next ends, or when it is tidied."""
        self._settled = True
        if self._size > LONGEST:
            self.tidy()

    def tidy(self) -> None:
        """Empty the file where all in it is stored; for when there is nothing else to do."""
        if self._settled and self._size and self._file is not None:
            try:
                os.ftruncate(self._file, 0)
                self._size = 0
            except OSError as error:
                log.warning("the spool can't be emptied: %s: %s", self._path, error.strerror)

    def close(self) -> None:
        """Give the file back; it goes where all in it is stored."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            if self._settled:
                self._path.unlink(missing_ok=True)

    def replay(self, report: Report) -> None:
        """Report what earlier boots left, and remove it. Raises Unavailable; then it may be repeated.

        A boot that still lives has its file locked, and reports for itself.
        """
        for path in self._left():
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                ends = _unstored(file, path)
                report.finished(ends)
                path.unlink(missing_ok=True)
            if ends:
                known = about((end.task.task_id, end.task.attempt) for end in ends)
                log.warning("%d ends that an earlier boot could not report are reported now", len(ends), extra=known)

    def _left(self) -> list[Path]:
        try:
            return sorted(path for path in self._directory.iterdir() if path != self._path)
        except FileNotFoundError:
            return []


def _line(end: Finished) -> bytes:
    return to_json(record_of(end)) + b"\n"


def _unstored(file: IO[bytes], path: Path) -> list[Finished]:
    lines = list(enumerate(file, 1))
    stored = max((number for number, line in lines if line == STORED), default=0)
    return list(_read(lines[stored:], path))


def _read(lines: Iterable[tuple[int, bytes]], path: Path) -> Iterator[Finished]:
    for number, line in lines:
        try:
            yield finished_of(json.loads(line))
        except (ValueError, BadMessage) as error:
            # The last line of a process that was killed in the middle of it, or of a full disk.
            log.warning("a spooled end can't be read: %s line %d: %s", path, number, error)
