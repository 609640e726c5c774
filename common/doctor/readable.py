"""Can a task's hash be read, does it agree with itself, and does its history lead to where it is?"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from common.doctor.rules import HASHES, HISTORIES, Finding
from common.domain.errors import CorruptTask
from common.domain.status import Status, Verb, legal
from common.domain.task import Task
from common.store.codec import task_of

Read = Sequence[str] | Exception
"""A list's elements, or why they can't be had."""


def flaws(task_id: str, fields: dict[str, str] | Exception, history: Read) -> Iterator[Finding]:
    """What is wrong with a task that was read as a whole; the first flaw of each kind."""
    if isinstance(fields, Exception) or not fields:
        # It has left since it was seen, or another type has taken its place: the next look tells.
        return
    try:
        task = task_of(fields)
    except CorruptTask as error:
        yield Finding(HASHES, task_id, str(error))
        return
    if said := _against_itself(task_id, task):
        yield Finding(HASHES, task_id, said)
    if said := next(_breaks(task, history), ""):
        yield Finding(HISTORIES, task_id, said)


def _against_itself(task_id: str, task: Task) -> str:
    if task.task_id != task_id:
        return f"its taskId is {task.task_id!r}"
    if task.status.final != bool(task.finished_at):
        return f"{task.status}, and its finishedAt is {task.finished_at!r}"
    return ""


def _breaks(task: Task, history: Read) -> Iterator[str]:
    """Each place at which the chain is broken, in words."""
    if isinstance(history, Exception):
        yield "its key holds no list"
        return
    try:
        entries = [_Entry(json.loads(text)) for text in history]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        yield f"an entry of it can't be read: {error!r}"
        return
    status: Status | None = None
    attempt = 0
    for entry in entries:
        yield from entry.breaks(status, attempt)
        status, attempt = entry.after, entry.attempt
    if (status, attempt) != (task.status, task.attempt):
        yield f"it ends at {status}, attempt {attempt}; the hash says {task.status}, attempt {task.attempt}"


class _Entry:
    """One change as the history tells it. Raises ValueError, KeyError or TypeError where it is none."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.verb = Verb(entry["verb"])
        self.before = Status(entry["from"]) if entry["from"] else None
        self.after = Status(entry["to"])
        self.attempt = int(entry["attempt"])

    def breaks(self, status: Status | None, attempt: int) -> Iterator[str]:
        """What is wrong with it after an entry that ends at this status and attempt."""
        if self.before is not status:
            yield f"it jumps from {status} to {self.before}"
        flagged = self.verb is Verb.CANCEL and self.before is self.after is Status.RUNNING
        if not (flagged or legal(self.verb, self.before, self.after)):
            yield f"{self.verb} took it from {self.before} to {self.after}"
        if self.attempt != attempt + (self.verb is Verb.ASSIGN):
            yield f"{self.verb} is told of attempt {self.attempt} after attempt {attempt}"
