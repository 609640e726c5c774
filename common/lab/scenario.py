"""A stage's lesson: beats in order, each made of things that are done and claims that are checked.

    Beat("push",
        Do(Push("hello", "echo hi")),
        Claim("runs", fields("hello", status="SUCCESS"), shows="pushed-task-runs"),
        look=(TASKS,),
    )

Its texts stand in catalogues, under `<beat>.title`, `<beat>.say`, `<beat>.<claim>` and `<beat>.<gap>`. The same
beats are narrated by `dts demo`, replayed by tests and, as far as they hurt nobody, checked by `dts verify`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from common.lab.acts import Act, Fault
from common.lab.probe import Probe

TASKS, QUEUES, AGENTS, PROCESSES, SAID = "tasks", "queues", "agents", "processes", "said"
SCHEDULERS, BUS, DOOR = "schedulers", "bus", "door"
"""The panels that a beat may ask for."""
REAL_PROCESSES = "processes"
"""What a beat may need beside servers: that each role has a process of its own."""

WITHIN = 15.0
"""Seconds in which a claim has to come true, on a slow and busy machine too."""


@dataclass(frozen=True, slots=True)
class Do:
    """An act that harms nothing: a push, or starting again what was stopped."""

    act: Act


@dataclass(frozen=True, slots=True)
class Hurt:
    """A fault, done on purpose."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Claim:
    """What the stage says of itself, and is held to. `shows` is the guarantee of the ledger that it proves."""

    id: str
    probe: Probe
    shows: str = ""
    closes: str = ""
    """The gap of an earlier stage that this one closes."""
    within: float = WITHIN


@dataclass(frozen=True, slots=True)
class Gap:
    """What this stage does not do: once `when` holds, `missing` does not come true, though nothing forbids it any more.

    `id` is the ledger's; the stage `closed_by` claims `missing`, and means it.
    """

    id: str
    when: Probe
    missing: Probe
    closed_by: int
    patience: float = 0.4
    """Seconds for which we look on."""
    within: float = WITHIN
    """Seconds in which `when` has to come true."""


Step = Do | Hurt | Claim | Gap


@dataclass(frozen=True, slots=True, init=False)
class Beat:
    """One step of the lesson.

    A `private` one is only for servers of the scenario's own: `dts verify` leaves it out. Whatever stops or starts
    members, or waits for what must not happen, is private by itself.
    """

    id: str
    steps: Sequence[Step]
    look: Sequence[str]
    private: bool
    needs: str
    """A kind of server without which there is nothing to show, or REAL_PROCESSES; '' where all have what it takes."""

    def __init__(
        self,
        id: str,  # noqa: A002
        *steps: Step,
        look: Sequence[str],
        private: bool = False,
        needs: str = "",
    ) -> None:
        hurts = any(isinstance(step, Hurt | Gap) or isinstance(getattr(step, "act", None), Fault) for step in steps)
        for name, value in (
            ("id", id),
            ("steps", steps),
            ("look", look),
            ("private", private or hurts),
            ("needs", needs),
        ):
            object.__setattr__(self, name, value)

    @property
    def claims(self) -> Sequence[Claim]:
        return [step for step in self.steps if isinstance(step, Claim)]

    @property
    def gaps(self) -> Sequence[Gap]:
        return [step for step in self.steps if isinstance(step, Gap)]

    @property
    def needs_processes(self) -> bool:
        """Whether it does what can be done to real processes alone."""
        acts = [step.fault if isinstance(step, Hurt) else getattr(step, "act", None) for step in self.steps]
        return self.needs == REAL_PROCESSES or any(isinstance(act, Fault) and act.needs_processes for act in acts)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a stage promises and what it knowingly lacks, by id; in words in the catalogues (`ledger.<id>`)."""

    holds: Sequence[str]
    lacks: Mapping[str, int]
    """With each, the stage that brings it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The whole lesson of a stage."""

    beats: Sequence[Beat]
    ledger: Ledger
    texts: str
    """The package that holds its catalogues, one `<language>.toml` each."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings (DTS_*) that make waiting short; production's stand in common.settings."""
    next_commands: Sequence[str] = ()
    """What to try after the demo, as it is typed."""

    def __iter__(self) -> Iterator[Beat]:
        return iter(self.beats)

    def playable(self, servers: Collection[str]) -> Sequence[Beat]:
        """What can be played where there are servers of these kinds."""
        return [beat for beat in self.beats if beat.needs in ("", REAL_PROCESSES, *servers)]

    @property
    def in_process(self) -> Sequence[Beat]:
        """What can be played where everything runs in one process."""
        return [beat for beat in self.playable(("redis",)) if not beat.needs_processes]

    @property
    def harmless(self) -> Sequence[Beat]:
        """What may be done to a system that others use."""
        return [beat for beat in self.beats if not beat.private]
