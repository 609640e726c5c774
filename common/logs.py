"""Logging for a role: one event a line, with the fields that tell which task, agent or attempt it is about."""

import logging
import sys
import time
from functools import lru_cache

_FIELDS = ("task_id", "attempt", "agent", "boot", "epoch")


class _Line(logging.Formatter):
    """`2026-11-24T06:42:41.123Z INFO dts.agent ended task_id=… attempt=1`; control characters are escaped.

    The stack of an error follows on lines of its own, set in: what stands at the left edge is an event.
    """

    def format(self, record: logging.LogRecord) -> str:
        stamp = _second(int(record.created))
        fields = "".join(f" {name}={getattr(record, name)}" for name in _FIELDS if hasattr(record, name))
        line = f"{stamp}.{int(record.msecs):03d}Z {record.levelname} {record.name} {record.getMessage()}{fields}"
        stack = self.formatException(record.exc_info).split("\n") if record.exc_info else []
        return "\n    ".join(_printable(text) for text in [line, *stack])


@lru_cache(maxsize=4)
def _second(since_1970: int) -> str:
    """A busy role logs thousands of lines in one."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_1970))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def to_stderr(level: str) -> None:
    """Send all logging of this process to stderr, from `level` ("info", …) on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    # Nobody sees these, and finding them out costs as much as all the rest of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
