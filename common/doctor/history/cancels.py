"""Cancels: what was cancelled before it ran never starts; what ran is ended soon. I14."""

from collections.abc import Iterator

from common.doctor.history.invariants import I14, Violation
from common.doctor.history.quiet import Quiet
from common.doctor.history.records import Call, Entry, Life, Line
from common.doctor.history.runs import PRECISION
from common.domain.status import Status, Verb


def cancels(life: Life, *, within: float, now: float, quiet: Quiet) -> Iterator[Violation]:
    """Each breach of it; a running task is to be ended `within` so many seconds."""
    for number, entry in enumerate(life.entries):
        if entry.flags:
            following = next(iter(life.entries[number + 1 :]), None)
            yield from _not_ended(life, entry, following, quiet.later(entry.at, within), now)
        elif entry.verb is Verb.CANCEL and entry.after is Status.CANCELLED:
            yield from _started_after(life, entry.at, entry)
    for call in life.calls:
        if (call.op, call.outcome, call.answer) == ("cancel", "ok", "OK"):
            yield from _started_after(life, call.until, call)


def _not_ended(life: Life, asked: Entry, following: Entry | None, deadline: float, now: float) -> Iterator[Violation]:
    ended = following.at if following else now
    if ended > deadline:
        seen = f"it ran on for {ended - asked.at:.1f} s after it was to be cancelled"
        yield Violation(I14, life.task_id, seen, tuple(map(str, filter(None, (asked, following)))))


def _started_after(life: Life, at: float, told: Entry | Call) -> Iterator[Violation]:
    again = [entry.at for entry in life.entries if entry.verb is Verb.RETRY and entry.at >= at - PRECISION]
    until = min(again, default=float("inf"))
    for line in life.starts:
        if at + PRECISION < line.wall < until:
            yield _late(life, line, at, told)


def _late(life: Life, line: Line, at: float, told: Entry | Call) -> Violation:
    seen = f"attempt {line.attempt} was started {line.wall - at:.2f} s after it was CANCELLED"
    return Violation(I14, life.task_id, seen, (str(told), str(line)))
