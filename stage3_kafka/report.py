"""BusReport: an agent tells the managers what became of its tasks, and writes nothing into the store itself."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from common.contracts import Queue
from common.domain.messages import LogUpdate, Returned, Started, StatusUpdate, Update
from common.domain.reports import Finished, Granted, LogChunk

WITH_ITS_END = 65_536
"""Characters of output that go with the end of their attempt; a longer rest goes before it, with the output."""
PIECE = 131_072
"""Characters of output in one message, whose bytes may be six times as many."""
TOGETHER = 500
"""Updates in one message."""


class BusReport:
    """Report by the bus (stage 3). Its messages are numbered, so that a heartbeat can say up to which it has told."""

    def __init__(self, status: Queue[StatusUpdate], logs: Queue[LogUpdate], agent: str, boot: str) -> None:
        self._status, self._logs = status, logs
        self._agent, self._boot = agent, boot
        self._lock = threading.Lock()
        self._number = 0

    @property
    def told(self) -> int:
        """The number of the last message that was begun to be sent."""
        return self._number

    def started(self, attempts: Sequence[tuple[Granted, float]]) -> None:
        self._tell([Started(task, seconds) for task, seconds in attempts])

    def returned(self, attempts: Sequence[Granted]) -> None:
        self._tell([Returned(task) for task in attempts])

    def logs(self, chunks: Sequence[LogChunk]) -> None:
        self._logs.put(LogUpdate(piece) for chunk in chunks for piece in _pieces(chunk))

    def finished(self, ends: Sequence[Finished]) -> None:
        # Output before its end: whoever sees a task final may look for all that it printed.
        self.logs([end.log for end in ends if len(end.log.text) > WITH_ITS_END])
        self._tell([_short(end) for end in ends])

    def _tell(self, updates: Sequence[Update]) -> None:
        messages = []
        for portion in _portions(updates):
            with self._lock:
                self._number += 1
                messages.append(StatusUpdate(self._agent, self._boot, self._number, portion))
        if messages:
            self._status.put(messages)


def _short(end: Finished) -> Finished:
    if len(end.log.text) <= WITH_ITS_END:
        return end
    return replace(end, log=LogChunk(end.task, end.log.offset + len(end.log.text.encode()), ""))


def _pieces(chunk: LogChunk) -> Iterator[LogChunk]:
    offset = chunk.offset
    for at in range(0, len(chunk.text), PIECE):
        text = chunk.text[at : at + PIECE]
        yield LogChunk(chunk.task, offset, text)
        offset += len(text.encode())


def _portions(updates: Iterable[Update]) -> Iterator[list[Update]]:
    portion: list[Update] = []
    size = 0
    for update in updates:
        own = len(update.log.text) + len(update.result.output) if isinstance(update, Finished) else 0
        if portion and (size + own > PIECE or len(portion) >= TOGETHER):
            yield portion
            portion, size = [], 0
        portion.append(update)
        size += own
    if portion:
        yield portion
