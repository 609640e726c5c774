"""Logging of a role: one event a line on stderr, with the fields that tell which task, agent or attempt it is about.

    log = logging.getLogger("dts.agent")
    log.info("started", extra={"task_id": task.task_id, "attempt": task.attempt})

Everybody logs by Python's own logging, or by structlog, which comes out the same way.
"""

import logging
import os
import socket
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from common.log_formats import FIELDS, JsonLine, TextLine, load_structlog, request

Format = Literal["text", "json"]
log = logging.getLogger("dts.process")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who logs: its role, its name within the cluster, and what it knows and may never say."""

    role: str = ""
    member: str = ""
    secrets: Sequence[str] = ()


def to_stderr(level: str, form: Format = "text", speaker: Speaker | None = None) -> None:
    """Send all logging of this process to stderr, from `level` ("info", …) on."""
    speaker = speaker or Speaker()
    handler = logging.StreamHandler(sys.stderr)
    # Nobody sees these, and finding them out costs as much as all the rest of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if form == "json":
        _all_in_json(handler, speaker)
    else:
        handler.setFormatter(TextLine(speaker.secrets, colours=_colours_wanted()))
    if form == "json" or "structlog" in sys.modules:
        _take_in_structlog()
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def form_of(asked: Format | None, usual: Format) -> Format:
    """The format: as asked for, else the usual one; where a person looks on, that is text."""
    return asked or ("text" if sys.stderr.isatty() else usual)


def in_json() -> bool:
    """Whether this process logs so."""
    return any(isinstance(handler.formatter, JsonLine) for handler in logging.getLogger().handlers)


def about(attempts: Iterable[tuple[str, int]], **more: Any) -> dict[str, Any]:
    """The `extra` of a line about tasks: task_id and attempt of a single one, else all of them in `tasks`.

    An attempt of 0 is none.
    """
    known = list(attempts)
    if len(known) == 1:
        task_id, attempt = known[0]
        return {"task_id": task_id, **({"attempt": attempt} if attempt else {}), **more}
    return {"tasks": [f"{task_id}/{attempt}" if attempt else task_id for task_id, attempt in known], **more}


def steps(
    to: logging.Logger, what: str, taken: Iterable[tuple[str, str, int]], level: int = logging.INFO, **more: Any
) -> None:
    """One line for each outcome of a batch: `what: outcome`, with the tasks that had it.

    `taken` is (outcome, task id, attempt) of each task.
    """
    if not to.isEnabledFor(level):
        return
    sorted_out: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for outcome, task_id, attempt in taken:
        sorted_out[outcome].append((task_id, attempt))
    for outcome, attempts in sorted_out.items():
        to.log(level, "%s: %s", what, outcome, extra=about(attempts, **more))


@contextmanager
def answering(request_id: str) -> Iterator[None]:
    """Within the block all that this thread logs tells which request it is for."""
    token = request.set(request_id)
    try:
        yield
    finally:
        request.reset(token)


def _all_in_json(handler: logging.Handler, speaker: Speaker) -> None:
    """Whatever a process says of itself, also what would otherwise be written past all logging."""
    own = {"role": speaker.role, "member": speaker.member, "pid": os.getpid(), "host": socket.gethostname()}
    handler.setFormatter(JsonLine(own, speaker.secrets))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def _take_in_structlog() -> None:
    """Who logs by structlog, as an executor of somebody else's may, is heard as all others are."""
    structlog = load_structlog()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, _as_logged],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _as_logged(_: Any, __: str, said: MutableMapping[str, Any]) -> dict[str, Any]:
    """Structlog's event as the arguments of a call of logging's; what is no field of ours stands in its words."""
    exc_info, event = said.pop("exc_info", None), said.pop("event", "")
    fields = {name: said.pop(name) for name in FIELDS if name in said}
    words = [str(event), *(f"{name}={value!r}" for name, value in said.items())]
    return {"msg": " ".join(words), "exc_info": exc_info, "extra": fields}


def _uncaught(kind: type[BaseException], error: BaseException | None, stack: TracebackType | None) -> None:
    if error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
        log.critical("an error that dts did not expect", exc_info=(kind, error, stack))


def _colours_wanted() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
