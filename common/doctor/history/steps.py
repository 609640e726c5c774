"""Steps: does a task's history go by the table, from one entry to the next? I3, I4, I5 and, for one task, I12."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from common.doctor.history.invariants import I3, I4, I5, I12, Invariant, Violation
from common.doctor.history.records import Entry, Life
from common.domain.status import Status, Verb, legal


def steps(life: Life) -> Iterator[Violation]:
    """Each breach of them."""
    if life.unreadable:
        yield Violation(I3, life.task_id, life.unreadable)
        return
    for invariant, seen, entries in _broken(life.entries):
        yield Violation(invariant, life.task_id, seen, tuple(entry.raw for entry in entries))
    if seen := ends_elsewhere(life):
        yield Violation(I3, life.task_id, seen, tuple(entry.raw for entry in life.entries[-1:]))


def ends_elsewhere(life: Life) -> str:
    """How the hash differs from where the history ends; '' where it does not."""
    standing, last = life.standing, life.entries[-1] if life.entries else None
    status, attempt = (last.after, last.attempt) if last else (None, 0)
    if standing is None or (standing.status, standing.attempt) == (status, attempt):
        return ""
    return f"it ends at {status}, attempt {attempt}; the hash says {standing.status}, attempt {standing.attempt}"


def _broken(entries: Sequence[Entry]) -> Iterator[tuple[Invariant, str, Sequence[Entry]]]:
    status: Status | None = None
    attempt = 0
    for number, entry in enumerate(entries):
        for invariant, seen in _wrong(entry, status, attempt):
            yield invariant, seen, entries[max(0, number - 1) : number + 1]
        status, attempt = entry.after, entry.attempt
    terms = [entry for entry in entries if epoch(entry)]
    for earlier, later in pairwise(terms):
        if epoch(later) < epoch(earlier):
            yield I12, f"epoch {epoch(later)} acts after epoch {epoch(earlier)}", [earlier, later]


def _wrong(entry: Entry, status: Status | None, attempt: int) -> Iterator[tuple[Invariant, str]]:
    """What is wrong with an entry after one that ends at this status and attempt."""
    if status is not None and status.final and entry.verb is not Verb.RETRY:
        yield I4, f"{entry.verb} after {status}"
    elif entry.before is not status:
        yield I3, f"it jumps from {status} to {entry.before}"
    elif not (entry.flags or legal(entry.verb, entry.before, entry.after)):
        yield I3, f"{entry.verb} took it from {entry.before} to {entry.after}"
    if entry.attempt != attempt + (entry.verb is Verb.ASSIGN):
        yield I5, f"{entry.verb} is told of attempt {entry.attempt} after attempt {attempt}"


def epoch(entry: Entry) -> int:
    """The leader's term in which it was done; 0 where no leader did it, or it does not say."""
    term = entry.more.get("epoch", 0)
    return term if isinstance(term, int) else 0
