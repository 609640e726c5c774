"""What `dts bench` measures: its sections, and the figures that each gives."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.bench.figures import RATE, TIME, Figure, Reading, Series, Sheet
from common.bench.kill import kill
from common.bench.latency import latency
from common.bench.machine import description, watched
from common.bench.rig import Place, Told
from common.bench.throughput import bulk, drain, spawn, stream

BARE_STORE = "the store's scripts from one loop"
BARE_WAY = "the same, or two bare hops by Kafka"


@dataclass(frozen=True, slots=True)
class Kind:
    """A figure before it is measured."""

    title: str
    unit: str
    floor: str


@dataclass(frozen=True, slots=True)
class Section:
    """One thing that is measured: by what, on how many tasks (usually, and quickly), and what comes of it."""

    measure: Callable[[Place, int, Told], list[Reading]]
    tasks: int
    quick: int
    figures: Mapping[str, Kind]


SECTIONS: Mapping[str, Section] = {
    "drain": Section(drain, 10_000, 1_000, {"drain": Kind("no-op tasks that waited", RATE, BARE_STORE)}),
    "stream": Section(
        stream, 10_000, 1_000, {"stream": Kind("no-op tasks, submitted while the agent works", RATE, BARE_STORE)}
    ),
    "bulk": Section(bulk, 20_000, 2_000, {"bulk": Kind("tasks submitted in bulk", RATE, BARE_STORE)}),
    "latency": Section(
        latency,
        400,
        100,
        {
            "latency.p50": Kind("submit to result, at 50 a second: half within", TIME, BARE_WAY),
            "latency.p99": Kind("submit to result, at 50 a second: 99 % within", TIME, BARE_WAY),
        },
    ),
    "spawn": Section(
        spawn,
        1_000,
        200,
        {
            "spawn.argv": Kind("/bin/true as a list", RATE, "posix_spawn in a loop per core"),
            "spawn.shell": Kind("/bin/true by sh -c", RATE, "posix_spawn of sh in a loop per core"),
        },
    ),
    "kill": Section(
        kill,
        30,
        5,
        {
            "kill.p50": Kind("cancel to all 7 processes gone: half within", TIME, "SIGKILL to each"),
            "kill.max": Kind("cancel to all 7 processes gone: the longest", TIME, "SIGKILL to each"),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of `dts bench`."""

    sections: Sequence[str]
    place: Place
    rounds: int
    quick: bool = False
    tasks: int | None = None
    """How many for each section; None is what the section usually has."""

    def size(self, section: str) -> int:
        return self.tasks or (SECTIONS[section].quick if self.quick else SECTIONS[section].tasks)


Progress = Callable[[str, int, int, int], None]
"""Hears what is being measured: section, round, done, of all."""


def carry_out(plan: Plan, progress: Progress) -> Sheet:
    """Measure everything, round by round, so that a slow while does not hit one figure alone.

    Raises LabError; NotYet or RuntimeError where the system that is measured does not do what it should.
    """
    readings: list[Reading] = []
    others: dict[str, float] = {}
    for number in range(1, plan.rounds + 1):
        for name in plan.sections:

            def told(done: int, of: int, name: str = name, number: int = number) -> None:
                progress(name, number, done, of)

            told(0, plan.size(name))
            with watched() as meanwhile:
                readings += SECTIONS[name].measure(plan.place, plan.size(name), told)
            others[name] = max(others.get(name, 0.0), meanwhile.cores)
    return Sheet(description(plan.place.profile), plan.rounds, list(_figures(plan, readings, others)))


def _figures(plan: Plan, readings: Iterable[Reading], others: Mapping[str, float]) -> Iterator[Figure]:
    read = list(readings)
    for section in plan.sections:
        for name, kind in SECTIONS[section].figures.items():
            mine = [reading for reading in read if reading.figure == name]
            yield Figure(
                id=name,
                section=section,
                title=kind.title,
                floor_title=kind.floor,
                unit=kind.unit,
                dts=Series(tuple(reading.value for reading in mine)),
                floor=Series(tuple(reading.floor for reading in mine)),
                others=others[section],
                samples=tuple(sample for reading in mine for sample in reading.samples),
            )
