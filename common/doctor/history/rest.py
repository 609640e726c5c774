"""Rest: when nothing is under way any more, nothing is left over. I15."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from common.doctor.history.invariants import I15, Violation


@dataclass(frozen=True, slots=True)
class Remains:
    """What was found of a system at rest."""

    processes: Sequence[str] = ()
    """Of tasks, though no task runs."""
    places: Sequence[str] = ()
    """Indexes, queues and lists that don't say what the hashes say, each as a sentence."""
    waiting: Mapping[str, int] = field(default_factory=dict)
    """How much waits on each topic for those who should have read it."""
    nodes: Sequence[str] = ()
    """Members in the registry of whom nothing lives."""
    spooled: int = 0
    """Bytes of ends that agents keep on disk."""


def remains(left: Remains) -> Iterator[Violation]:
    """Each kind of it as one violation, with what there is as its evidence."""
    if left.processes:
        yield Violation(I15, "", f"{len(left.processes)} processes of tasks are left", tuple(left.processes))
    if left.places:
        yield Violation(I15, "", f"{len(left.places)} places lie", tuple(left.places))
    lag = [f"{topic}: {count}" for topic, count in left.waiting.items() if count]
    if lag:
        yield Violation(I15, "", f"on {len(lag)} topics something waits", tuple(lag))
    if left.nodes:
        yield Violation(I15, "", f"{len(left.nodes)} nodes are of nobody who lives", tuple(left.nodes))
    if left.spooled:
        yield Violation(I15, "", f"{left.spooled} bytes of ends are on agents' disks, and not stored")
