"""Can a task's hash be read, does it agree with itself, and does its history lead to where it is?"""

from collections.abc import Iterator, Sequence

from common.doctor.history.records import Life, Standing, entries_of
from common.doctor.history.steps import steps
from common.doctor.rules import HASHES, HISTORIES, Finding
from common.domain.errors import CorruptTask
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
    try:
        life = Life(task.task_id, Standing(task.status, task.attempt), entries_of(history))
    except ValueError as error:
        yield str(error)
        return
    yield from (violation.seen for violation in steps(life))
