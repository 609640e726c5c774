"""How a line of log looks: as text for people, or as a JSON object for programs.

What libraries log goes the same way. Nothing that is logged can break a line or move a terminal's cursor, and what is
known to be secret never stands there, whoever says it.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError, to_json

if TYPE_CHECKING:
    from structlog.typing import Processor

FIELDS = ("task_id", "attempt", "agent", "boot", "epoch", "tasks")
"""What a line may say beside its event; whatever else stands in `extra` is left out."""
LONGEST = 8_192
"""Characters of an event, and of the last lines of a stack, that are kept."""
MASK = "***"
request: ContextVar[str] = ContextVar("request", default="")
"""The id of the request that is answered now: set where it comes in, it stands in all that is logged meanwhile."""

_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)|(password=)[^\s&]+")
_COLOURS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


class TextLine(logging.Formatter):
    """`2026-11-24T06:42:41.123Z INFO dts.agent ended task_id=… attempt=1`; control characters are escaped.

    The stack of an error follows on lines of its own, set in: what stands at the left edge is an event.
    """

    def __init__(self, secrets: Iterable[str] = (), *, colours: bool = False) -> None:
        super().__init__()
        self._hide, self._colours = _hiding(secrets), colours

    def format(self, record: logging.LogRecord) -> str:
        said = "".join(f" {name}={_plain(value)}" for name, value in fields_of(record).items())
        level = record.levelname
        if self._colours and level in _COLOURS:
            level = f"\x1b[{_COLOURS[level]}m{level}\x1b[0m"
        line = _printable(f"{record.name} {event_of(record)}{said}")
        lines = [f"{stamp_of(record)} {level} {line}", *map(_printable, stack_of(record).splitlines())]
        return self._hide("\n    ".join(lines))


class JsonLine(logging.Formatter):
    """One JSON object, made by a chain of structlog's processors. `own` stands in each: role, member, pid, host."""

    def __init__(self, own: Mapping[str, Any], secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._own, self._hide = dict(own), _hiding(secrets)
        self._chain = _chain()

    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        said: Any = {
            "time": stamp_of(record),
            "level": level,
            "logger": record.name,
            "event": event_of(record),
            **self._own,
            **fields_of(record),
        }
        if record.exc_info or record.exc_text or record.stack_info:
            said["exception"] = stack_of(record)
        for processor in self._chain:
            said = processor(None, level, said)
        return self._hide(said)


def stamp_of(record: logging.LogRecord) -> str:
    """When it was logged, in UTC, to the millisecond."""
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


def event_of(record: logging.LogRecord) -> str:
    """What happened. A library's mistake in saying so is no reason to say nothing."""
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001
        text = f"{record.msg!r} % {record.args!r}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What it is about."""
    known = record.__dict__
    found = {name: known[name] for name in FIELDS if name in known}
    asked = request.get()
    return {**found, "request_id": asked} if asked else found


def stack_of(record: logging.LogRecord) -> str:
    """The stack of its error, of a long one the end; '' where there is none."""
    text = record.exc_text or ""
    if record.exc_info and record.exc_info[0]:
        text = logging.Formatter().formatException(record.exc_info)
    text = "\n".join(filter(None, [text, record.stack_info]))
    return text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"


def load_structlog() -> Any:
    """structlog, without what it would load to draw on a terminal: a quarter of a second for each process."""
    if "rich" in sys.modules or "structlog" in sys.modules:
        import structlog

        return structlog
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog

        return structlog
    finally:
        del sys.modules["rich"]


def _chain() -> "Sequence[Processor]":
    structlog = load_structlog()
    return (structlog.processors.JSONRenderer(serializer=_dumped),)


def _dumped(said: MutableMapping[str, Any], **_: Any) -> str:
    try:
        text = to_json(said).decode()
    except (PydanticSerializationError, UnicodeError):
        return json.dumps(said, default=repr)
    # What moves a cursor or ends a line, beside what JSON itself escapes; and what is no ASCII but prints well is kept.
    return text if text.isprintable() else json.dumps(said, default=repr)


@lru_cache(maxsize=4)
def _second(since_1970: int) -> str:
    """A busy role logs thousands of lines in one."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_1970))


def _plain(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _hiding(secrets: Iterable[str]) -> Callable[[str], str]:
    """What makes secrets unreadable: those that are known, as they are and as JSON has them, and passwords in URLs."""
    known = {form for secret in secrets if len(secret) > 3 for form in (secret, json.dumps(secret)[1:-1])}

    def hide(line: str) -> str:
        if "://" in line:
            line = _PASSWORD.sub(lambda found: f"{found[1] or found[2]}{MASK}", line)
        for secret in known:
            if secret in line:
                line = line.replace(secret, MASK)
        return line

    return hide
