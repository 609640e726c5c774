"""What became of it all: how soon the system was itself again, what was lost, and what the three records say."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from common.clock import SystemClock
from common.doctor.history.checker import Outcome
from common.doctor.history.client_log import ClientLog
from common.doctor.history.invariants import INVARIANTS
from common.doctor.history.quiet import Quiet
from common.doctor.history.rest import Remains, remains
from common.lab.cluster import Cluster
from common.lab.remains import busy, remains_of
from common.lab.until import NotYet, until
from common.lab.worlds import ClusterWorld
from tests.chaos.faults import Blow
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal
from tests.stage1.judging import judged

PATIENCE, AT_MOST = 60.0, 900.0
"""Seconds without one more end after which what has not come to its end counts as lost; and in all."""
RETENTION = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """All figures of one run."""

    tasks: int
    """Of which a client was told that they are stored."""
    lost: int
    """Those of them that are not there, or never came to their end."""
    settled_after: float
    """Seconds from when the last fault was healed until all was final."""
    recoveries: Sequence[float]
    """After each fault: seconds from when it was healed until a task that came after that had ended."""
    slowest: float
    """Seconds that the slowest task took, from when it was stored until it was final."""
    outcomes: Sequence[Outcome]

    @property
    def violations(self) -> list[str]:
        """Each with its evidence."""
        return [str(violation) for outcome in self.outcomes for violation in outcome.violations]


def judge(
    cluster: Cluster,
    home: Path,
    desk: Desk,
    journal: Journal,
    log: ClientLog,
    blows: Sequence[Blow],
    *,
    gate: bool,
    cancel_within: float,
    max_lost: int,
) -> Verdict:
    """Wait until all is at rest, then compare the records."""
    over = max((blow.healed for blow in blows), default=time.time())
    at_rest = _rested(desk)
    world = ClusterWorld(cluster, home)
    try:
        left = _left(desk, world) if at_rest else None
    finally:
        world.close()
    quiet = Quiet([(blow.begun, blow.healed) for blow in blows])
    terms = {"gate": gate, "cancel_within": cancel_within, "max_lost": max_lost, "quiet": quiet}
    outcomes = judged(desk, journal, log.stored, client_log=log, left=left, **terms)
    spans = list(_spans(desk, log.stored))
    ended = [end for _, end in spans if end]
    return Verdict(
        len(log.stored),
        len(log.stored) - len(ended),
        max(0.0, max(ended, default=over) - over),
        list(_recoveries(spans, blows)),
        max((end - made for made, end in spans if end), default=0.0),
        outcomes,
    )


def _rested(desk: Desk) -> bool:
    """Whether nothing is under way any more, delayed retries included; a backlog that gets shorter is waited for."""
    moved, before = time.monotonic(), 0

    def over() -> bool:
        nonlocal moved, before
        ended = sum(count for status, count in desk.store.counts().items() if status.final)
        moved, before = (time.monotonic(), ended) if ended > before else (moved, before)
        return _at_rest(desk) or time.monotonic() > moved + PATIENCE

    with suppress(NotYet):
        until(over, AT_MOST, every=0.1)
    return _at_rest(desk)


def _at_rest(desk: Desk) -> bool:
    return not (busy(desk.redis, desk.store) or desk.redis.zcard(desk.keys.delayed))


def _left(desk: Desk, world: ClusterWorld) -> Remains:
    """What is left when it has had some time to go: what agents told last may be on its way still."""
    found: list[Remains] = []

    def nothing() -> bool:
        found[:] = [remains_of(desk.redis, desk.store, world, SystemClock(), RETENTION)]
        return not list(remains(found[0]))

    with suppress(NotYet):
        until(nothing, 20.0, every=0.5)
    return found[0]


def _spans(desk: Desk, task_ids: Sequence[str]) -> Iterator[tuple[float, float]]:
    """When each was stored, and when it was final; 0 where it never was."""
    for at in range(0, len(task_ids), 500):
        for task in desk.store.get_many(list(task_ids[at : at + 500])):
            if task is None:
                yield 0.0, 0.0
            else:
                yield _moment(task.created_at), _moment(task.finished_at) if task.status.final else 0.0


def _recoveries(spans: Sequence[tuple[float, float]], blows: Sequence[Blow]) -> Iterator[float]:
    for blow in blows:
        after = [end - blow.healed for made, end in spans if made >= blow.healed and end]
        if after:
            yield min(after)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def table_of(verdict: Verdict) -> Iterator[tuple[str, ...]]:
    """A row for each invariant."""
    for invariant, outcome in zip(INVARIANTS, verdict.outcomes, strict=True):
        said = str(outcome.count) if outcome.checked else f"not checked: needs {outcome.unchecked}"
        yield invariant.name, said, invariant.holds
