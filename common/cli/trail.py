"""The trail of one task: what the store noted of it and what processes logged of it, in one order of time."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from common.lab.log_lines import LogLine, events

STORE = "store"
"""Who speaks where it is the history of the task."""
ROLES = ("", "api", "manager", "scheduler", "agent")
"""In the order in which a task meets them; the store is before them all, those that are none of these come last."""
LONGEST = 1_048_576
"""Bytes of a line that are looked at together."""


@dataclass(frozen=True, slots=True)
class Source:
    """A log: where it is, and who wrote it where its lines do not say."""

    path: str
    member: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to the task."""

    at: str
    who: str
    role: str
    level: str
    what: str
    attempt: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)
    exception: str = ""

    @property
    def seconds(self) -> float:
        """Since 1970; 0 where its time can't be read."""
        try:
            return datetime.fromisoformat(self.at).timestamp()
        except ValueError:
            return 0.0


def in_order(told: Iterable[Event]) -> list[Event]:
    """First what was first; of what happened in the same millisecond, what is further on its way comes later."""
    return sorted(told, key=lambda one: (one.seconds, place(one.role)))


def place(role: str) -> int:
    """Where a role stands among all."""
    return ROLES.index(role) if role in ROLES else len(ROLES)


def of_history(history: Sequence[Mapping[str, Any]]) -> Iterator[Event]:
    """What the store noted."""
    for entry in history:
        known = {str(name): value for name, value in entry.items()}
        at, verb, before, after = (str(known.pop(name, "")) for name in ("at", "verb", "from", "to"))
        attempt = known.pop("attempt", 0)
        what = f"{verb} → {after}" if after != before else verb
        yield Event(at, STORE, "", "info", what, attempt if isinstance(attempt, int) else 0, _short(known))


def of_log(source: Source, file: IO[bytes], task_id: str) -> Iterator[Event]:
    """What a log says of the task: each event that names it."""
    named = re.compile(rf"(?<![\w.-]){re.escape(task_id)}(?![\w-]|\.\w)")
    for line in events(_candidates(file, task_id.encode())):
        if any(named.search(text) for text in (line.event, *_values(line))):
            yield _event(source, line, task_id)


def named_by(path: str) -> Source:
    """A log of which only its file is known."""
    return Source(path, "" if path == "-" else Path(path).stem)


def _candidates(file: IO[bytes], needle: bytes) -> Iterator[str]:
    """Lines with the id in them, and the stacks below these: others need not be read in full."""
    wanted = False
    while line := file.readline(LONGEST):
        wanted = needle in line or (wanted and line.startswith(b"    "))
        if wanted:
            yield line.decode(errors="replace").rstrip("\r\n")


def _values(line: LogLine) -> Iterator[str]:
    for value in (line.fields.get("task_id"), line.fields.get("tasks")):
        yield from map(str, value) if isinstance(value, list) else [str(value)]


def _event(source: Source, line: LogLine, task_id: str) -> Event:
    left = ("task_id", "tasks", "attempt", "pid", "host")
    more = {name: value for name, value in line.fields.items() if name not in left}
    who, role = line.member or source.member or "?", line.role or source.role
    if more.get("agent") == who:
        del more["agent"]
    return Event(line.time, who, role, line.level, line.event, line.attempt_of(task_id), more, line.exception)


def _short(known: Mapping[str, Any]) -> dict[str, Any]:
    """Without what has a view of its own: `dts get --explain` and `--history` tell that."""
    return {name: value for name, value in known.items() if name not in ("why", "proof")}
