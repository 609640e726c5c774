"""The three records of a task, as they were read: the store's, the task's own journal, and the client's log."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from common.domain.status import Status, Verb


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, as the store's history tells it; `at` is seconds since 1970 by the store's clock."""

    at: float
    verb: Verb
    before: Status | None
    """None: there was no such task."""
    after: Status
    attempt: int
    more: Mapping[str, Any]
    raw: str

    @classmethod
    def parse(cls, raw: str) -> "Entry":
        """Raises ValueError where it is none."""
        try:
            said = json.loads(raw)
            before = Status(said["from"]) if said["from"] else None
            verb, after, attempt = Verb(said["verb"]), Status(said["to"]), int(said["attempt"])
            return cls(datetime.fromisoformat(said["at"]).timestamp(), verb, before, after, attempt, said, raw)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"an entry of it can't be read: {error!r}") from error

    def __str__(self) -> str:
        return self.raw

    @property
    def flags(self) -> bool:
        """Whether it only notes that somebody asked to cancel a running task."""
        return self.verb is Verb.CANCEL and self.before is self.after is Status.RUNNING

    @property
    def boot(self) -> tuple[str, str]:
        """The agent and the boot that it names; empty where it names none."""
        return str(self.more.get("agent", "")), str(self.more.get("boot", ""))


@dataclass(frozen=True, slots=True)
class Standing:
    """What a task's hash says."""

    status: Status
    attempt: int
    retries: int = 0
    request_id: str = ""
    agent: str = ""
    boot: str = ""
    due_at: str = ""
    waiting: str = ""
    """Why it waits, in the leader's words; '' where it has said nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal, which a task wrote itself: "start", "end", "overlap", or "daemon"."""

    what: str
    task_id: str
    attempt: int
    pid: int = 0
    at: float = 0.0
    """Seconds by the clock of the machine on which it ran (since that was started)."""
    wall: float = 0.0
    """Seconds since 1970; 0 where that is not known."""
    host: str = ""

    def __str__(self) -> str:
        return f"journal: {self.what} {self.task_id} {self.attempt} {self.pid} {self.at:.2f} {self.wall:.2f}"


@dataclass(frozen=True, slots=True)
class Call:
    """One line of a client's log: what it asked, and what it knows of it."""

    op: str
    """submit or cancel."""
    outcome: str
    """ok, fail (nothing was done), or unknown."""
    task_id: str = ""
    """'' where none was answered."""
    request_id: str = ""
    answer: str = ""
    """As the client library says it: OK, SAME, REQUESTED …"""
    at: float = 0.0
    """Seconds since 1970: when it was asked …"""
    until: float = 0.0
    """… and when the answer was there."""

    def __str__(self) -> str:
        said = f"{self.op} {self.request_id or self.task_id} {self.outcome} {self.answer}"
        return f"client: {said.strip()} {self.task_id} {self.at:.2f} {self.until:.2f}"


@dataclass(frozen=True, slots=True)
class Life:
    """All that the records say of one task. `standing` is None where the store has no such task."""

    task_id: str
    standing: Standing | None
    entries: Sequence[Entry] = ()
    unreadable: str = ""
    """Why its hash or history can't be read as far as it should be; '' where it can."""
    lines: Sequence[Line] = ()
    """In the order in which they were written."""
    calls: Sequence[Call] = field(default_factory=tuple)

    @property
    def starts(self) -> list[Line]:
        """When it began to run, by its own account."""
        return [line for line in self.lines if line.what == "start"]

    def granted(self, attempt: int, verb: Verb) -> Entry | None:
        """The entry by which the attempt was given out (ASSIGN) or begun (START)."""
        return next((entry for entry in self.entries if (entry.verb, entry.attempt) == (verb, attempt)), None)


def entries_of(texts: Sequence[str] | Exception) -> list[Entry]:
    """A history's entries. Raises ValueError where one is none."""
    if isinstance(texts, Exception):
        raise ValueError("its key holds no list")  # noqa: TRY004
    return [Entry.parse(text) for text in texts]
