"""One visit to a store: all its histories are checked, while the system works."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from redis import Redis

from common.doctor.history.checker import Checker, Outcome, Terms
from common.doctor.history.client_log import ClientLog
from common.doctor.history.journal import read_journal
from common.doctor.history.lives import BATCH, Lives
from common.doctor.history.rest import Remains
from common.store.keys import Keys

EVERY = 20 * BATCH
"""Tasks after which it is told how far it is."""


@dataclass(frozen=True, slots=True)
class Records:
    """Where the records are that the store does not have itself; None where there is none."""

    journal: Path | None = None
    """A file, or a directory of such."""
    client_log: Path | None = None


@dataclass(frozen=True, slots=True)
class Visited:
    """What came of it."""

    outcomes: Sequence[Outcome]
    looked: int
    """Tasks that were there."""
    seconds: float

    @property
    def count(self) -> int:
        """Violations of all invariants."""
        return sum(outcome.count for outcome in self.outcomes)


def visit(
    place: tuple[Redis, Keys],
    terms: Terms,
    records: Records,
    left: Callable[[], Remains | None] = lambda: None,
    told: Callable[[str], object] = lambda _: None,
) -> Visited:
    """Check every task; `left` is asked at the end for what remains of a system at rest, None where it is not.

    `terms.now` and `terms.agents` are looked up. Some thousand tasks a second; the server is asked for BATCH of them at
    a time, and has most of its time for others. Raises Unavailable; BadMessage, OSError where a record can't be read.
    """
    begun, lives = time.monotonic(), Lives(*place)
    terms = replace(terms, now=lives.now(), agents=lives.agents())
    told("reading the journal and the client's log …")
    journal = read_journal(records.journal) if records.journal else None
    client_log = ClientLog.read(records.client_log) if records.client_log else None
    checker, expected = Checker(terms, journal, client_log), lives.count()
    for life in lives.all():
        checker.look(life)
        if checker.looked % EVERY == 0:
            told(f"checking histories: {checker.looked:,} of about {expected:,} tasks …")
    for life in lives.of(checker.missing):
        checker.look(life)
    told("looking for what is left over …")
    return Visited(checker.finish(left()), checker.looked, time.monotonic() - begun)
