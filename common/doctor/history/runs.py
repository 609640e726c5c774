"""Runs: what a task's own journal says of its starts and ends, against what the store granted. I6, I7, I8."""

from collections import defaultdict
from collections.abc import Iterator

from common.doctor.history.invariants import I6, I7, I8, Invariant, Violation
from common.doctor.history.records import Entry, Life, Line
from common.domain.status import Verb

PRECISION = 0.05
"""Seconds by which the clocks of two records may differ: a journal tells hundredths, and both may be slewed."""


def runs(life: Life, *, gate: bool) -> Iterator[Violation]:
    """Each breach of them. Where there is no `gate` (stage 3), an agent starts what it was given without asking."""
    begun: dict[int, list[Line]] = defaultdict(list)
    for line in life.starts:
        begun[line.attempt].append(line)
    for attempt, lines in begun.items():
        if len(lines) > 1:
            yield _of(life, I6, f"attempt {attempt} was started {len(lines)} times", *lines)
    yield from _overlaps(life)
    for line in life.starts:
        if violation := _ungranted(life, line, gate=gate):
            yield violation


def _overlaps(life: Life) -> Iterator[Violation]:
    for line in life.lines:
        if line.what == "overlap":
            yield _of(life, I7, f"attempt {line.attempt} overlaps another", line)
    latest: Line | None = None
    for line in life.lines:
        if line.what not in ("start", "end"):
            continue
        if latest and line.attempt < latest.attempt:
            yield _of(life, I7, f"attempt {line.attempt} was at work after attempt {latest.attempt} was", latest, line)
        latest = line if latest is None or line.attempt > latest.attempt else latest


def _ungranted(life: Life, line: Line, *, gate: bool) -> Violation | None:
    grant = life.granted(line.attempt, Verb.START if gate else Verb.ASSIGN)
    if grant is None:
        return _of(life, I8, f"attempt {line.attempt} was started without a grant", line)
    if line.wall and line.wall + PRECISION < grant.at:
        early = grant.at - line.wall
        return _of(life, I8, f"attempt {line.attempt} was started {early:.2f} s before its grant", line, grant)
    end = _end(life, grant)
    if end and line.wall > end.at + PRECISION:
        late = line.wall - end.at
        return _of(life, I8, f"attempt {line.attempt} was started {late:.2f} s after the task's end", end, line)
    return None


def _end(life: Life, grant: Entry) -> Entry | None:
    """The entry that first made the task final after that grant; of what was cancelled I14 speaks."""
    later = life.entries[life.entries.index(grant) :]
    end = next((entry for entry in later if entry.after.final), None)
    return end if end and end.verb is not Verb.CANCEL else None


def _of(life: Life, invariant: Invariant, seen: str, *shown: Line | Entry) -> Violation:
    return Violation(invariant, life.task_id, seen, tuple(map(str, shown)))
