"""Ends: whose result a task has, and what its attempts cost. I9, I10."""

from collections.abc import Iterator, Sequence

from common.doctor.history.invariants import I9, I10, Violation
from common.doctor.history.records import Entry, Life
from common.domain.result import CHARGED
from common.domain.status import Status, Verb

_CHARGED = frozenset(map(str, CHARGED))


def ends(life: Life, *, max_lost: int, journaled_until: float) -> Iterator[Violation]:
    """Each breach of them. A success before `journaled_until` must stand in the task's journal; 0: it keeps none."""
    yield from _results(life, journaled_until)
    for of_one_life in _lives(life.entries):
        yield from _budgets(life, of_one_life, max_lost)


def _results(life: Life, journaled_until: float) -> Iterator[Violation]:
    standing = life.standing
    if standing is None or standing.status is not Status.SUCCESS:
        return
    told = [entry for entry in life.entries if entry.after is Status.SUCCESS]
    if told and told[-1].attempt != standing.attempt:
        seen = f"it is at attempt {standing.attempt}, and the success was that of attempt {told[-1].attempt}"
        yield Violation(I9, life.task_id, seen, (told[-1].raw,))
    journaled = told and told[-1].at < journaled_until
    if journaled and not any((line.what, line.attempt) == ("end", standing.attempt) for line in life.lines):
        seen = f"attempt {standing.attempt} counts as a success, and never came to its end"
        yield Violation(I9, life.task_id, seen, tuple(str(line) for line in life.lines))


def _lives(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """What lies between two retries: each of them gives a task its budgets anew."""
    of_one: list[Entry] = []
    for entry in entries:
        if entry.verb is Verb.RETRY:
            yield of_one
            of_one = []
        of_one.append(entry)
    yield of_one


def _budgets(life: Life, entries: Sequence[Entry], max_lost: int) -> Iterator[Violation]:
    again = [entry for entry in entries if entry.after is Status.PENDING]
    failed = [entry for entry in again if entry.verb is Verb.REPORT and entry.more.get("reason") in _CHARGED]
    lost = [entry for entry in again if _lost(entry)]
    retries = life.standing.retries if life.standing else len(failed)
    if len(failed) > retries:
        seen = f"{len(failed)} failures were tried again, and it has {retries} retries"
        yield Violation(I10, life.task_id, seen, tuple(entry.raw for entry in failed))
    if len(lost) >= max_lost:
        seen = f"{len(lost)} agents were lost with it, and it ran on; at most {max_lost} may be"
        yield Violation(I10, life.task_id, seen, tuple(entry.raw for entry in lost))


def _lost(entry: Entry) -> bool:
    """Whether an agent was lost with it while it ran; one that had not begun costs nothing."""
    return entry.verb is Verb.REQUEUE and entry.before is Status.RUNNING and entry.more.get("reason") == "AGENT_LOST"
