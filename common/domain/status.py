"""The statuses of a task and the one table of moves between them (F-MGR-01).

The table is data. The store's scripts know no table: they are told by their caller which
statuses a verb may start from, and the picture in docs/architecture.md is checked against it.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    """Where a task is in its life; the text is what stands in the task's hash."""

    PENDING = "PENDING"
    SCHEDULED = "SCHEDULED"
    DISPATCHED = "DISPATCHED"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """True where only an explicit, recorded retry leads out again."""
        return self in FINAL


FINAL = frozenset({Status.SUCCESS, Status.FAILED, Status.CANCELLED})
UNDER_WAY = frozenset({Status.SCHEDULED, Status.DISPATCHED, Status.RUNNING})
"""Statuses in which an agent answers for the task."""
BEFORE_START = frozenset({Status.PENDING, Status.SCHEDULED, Status.DISPATCHED})
"""Statuses in which no agent is known to have begun this attempt."""


class Verb(StrEnum):
    """The only ways a task changes; each is one script in common/store/scripts."""

    SUBMIT = "submit"
    ASSIGN = "assign"
    DISPATCHED = "dispatched"
    START = "start"
    REPORT = "report"
    REQUEUE = "requeue"
    CANCEL = "cancel"
    RETRY = "retry"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Move:
    """From which statuses a verb may take a task, and to which; no `before` means a new task."""

    before: frozenset[Status]
    after: frozenset[Status]


def _move(before: str, after: str) -> Move:
    return Move(frozenset(map(Status, before.split())), frozenset(map(Status, after.split())))


MOVES = MappingProxyType(
    {
        Verb.SUBMIT: _move("", "PENDING"),
        Verb.ASSIGN: _move("PENDING", "SCHEDULED"),
        Verb.DISPATCHED: _move("SCHEDULED", "DISPATCHED"),
        Verb.START: _move("SCHEDULED DISPATCHED", "RUNNING"),
        Verb.REPORT: _move("RUNNING", "SUCCESS FAILED CANCELLED PENDING"),
        Verb.REQUEUE: _move("SCHEDULED DISPATCHED RUNNING", "PENDING FAILED CANCELLED"),
        # A running task is only flagged: its agent ends it, then reports CANCELLED.
        Verb.CANCEL: _move("PENDING SCHEDULED DISPATCHED", "CANCELLED"),
        Verb.RETRY: _move("FAILED CANCELLED", "PENDING"),
        # What is with an agent is met at the start gate, or taken back first: that agent may have begun.
        Verb.EXPIRE: _move("PENDING SCHEDULED DISPATCHED", "FAILED"),
    }
)


def legal(verb: Verb, before: Status | None, after: Status) -> bool:
    """Whether the table allows `verb` to take a task from `before` (None: it did not exist) to `after`."""
    move = MOVES[verb]
    starts = before in move.before if before is not None else not move.before
    return starts and after in move.after


class Answer(StrEnum):
    """What the store answers to a verb. OK and the two `done` ones aside, nothing was changed."""

    OK = "OK"
    SAME = "SAME"
    """This asker did it already; the state is as after OK."""
    REQUESTED = "REQUESTED"
    """Cancel of a running task: flagged, its agent will end it."""
    STALE_ATTEMPT = "STALE_ATTEMPT"
    STALE_STATE = "STALE_STATE"
    FENCED = "FENCED"
    """The asker's lease or term is over, or belongs to another boot."""
    TERMINAL = "TERMINAL"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    """Submit: the id or requestId is taken by a task with another body."""
    FULL = "FULL"
    """Submit: as many tasks wait as the bound allows. Assign: the agent holds as many as it may."""
    SHUT = "SHUT"
    """Assign: the agent is drained or in quarantine."""

    @property
    def done(self) -> bool:
        """Whether what was asked now holds."""
        return self in (Answer.OK, Answer.SAME)
