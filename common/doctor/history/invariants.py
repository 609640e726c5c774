"""The invariants I1 to I15, each in a line; and what a breach of one looks like."""

from dataclasses import dataclass
from enum import StrEnum


class Record(StrEnum):
    """A record that an invariant is checked by; the text is how one gives it to `dts doctor --history`."""

    STORE = ""
    """Hashes and histories, which are always there."""
    JOURNAL = "--journal"
    CLIENT_LOG = "--client-log"
    REST = "a system at rest"
    """What is left over when nothing is under way any more."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """One thing that holds whatever happens."""

    name: str
    holds: str
    """As a sentence without its end."""
    needs: Record = Record.STORE
    """The record without which nothing can be said of it."""
    more: Record = Record.STORE
    """A record by which more of it is checked."""


I1 = Invariant("I1", "a task that a client was told is stored is there until its retention ends", Record.CLIENT_LOG)
I2 = Invariant("I2", "every task is final, moves within half a minute, or waits for what it asks for")
I3 = Invariant("I3", "only moves of the table are made, one from where the last one ended")
I4 = Invariant("I4", "a final state changes only by a recorded retry")
I5 = Invariant("I5", "attempts rise by one with each assignment, and never otherwise")
I6 = Invariant("I6", "an attempt starts at most once", Record.JOURNAL)
I7 = Invariant("I7", "runs of one task never overlap", Record.JOURNAL)
I8 = Invariant("I8", "every start was granted before, and none comes after the task's end", Record.JOURNAL)
I9 = Invariant("I9", "the result is that of the attempt which the task is at", more=Record.JOURNAL)
I10 = Invariant("I10", "no more failures than its retries, no more lost agents than DTS_MAX_LOST")
I11 = Invariant("I11", "one requestId is one task", more=Record.CLIENT_LOG)
I12 = Invariant("I12", "no leader gives out anything once one of a later term has")
I13 = Invariant("I13", "only an agent's newest boot gets tasks, and no more run than it has slots", more=Record.JOURNAL)
I14 = Invariant("I14", "what was cancelled never starts, and what ran is ended soon", more=Record.JOURNAL)
I15 = Invariant("I15", "when all is over nothing is left: process, message, node, or a place that lies", Record.REST)

INVARIANTS = (I1, I2, I3, I4, I5, I6, I7, I8, I9, I10, I11, I12, I13, I14, I15)
"""In the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach: of which invariant, by which task, what was seen, and the lines of the records that show it.

    `task_id` is '' where it is about no single task.
    """

    invariant: Invariant
    task_id: str
    seen: str
    evidence: tuple[str, ...] = ()

    def __str__(self) -> str:
        of = f" {self.task_id}" if self.task_id else ""
        lines = "".join(f"\n    {line}" for line in self.evidence)
        return f"{self.invariant.name}{of}: {self.seen}{lines}"
