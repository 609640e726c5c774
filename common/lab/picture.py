"""What a running system looks like at one moment: the one model that panels show and claims are judged by.

Everything in it is what a person would see with a client: the texts of hashes, the lengths of queues, pids.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.contracts import Traffic
from common.domain.messages import Beat
from common.lab.figures import Figure
from common.lab.names import Names

Fields = Mapping[str, str]


def parsed(text: str) -> Mapping[str, Any]:
    """A JSON object that was written for people and programs alike; empty where somebody else wrote there."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class SeenTask:
    """A task's hash and history as they stand in Redis; both empty where there is no such task."""

    fields: Fields = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    log: str = ""
    """The end of what its latest attempt has printed so far."""

    @property
    def id(self) -> str:
        return self.fields.get("taskId", "")

    @property
    def status(self) -> str:
        return self.fields.get("status", "")

    @property
    def verbs(self) -> list[str]:
        """What was done to it, in order."""
        return [str(entry.get("verb", "")) for entry in self.history]

    def agent_of(self, attempt: int) -> str:
        """The agent that this attempt was given to; '' where there was none."""
        given = (entry for entry in self.history if (entry.get("verb"), entry.get("attempt")) == ("assign", attempt))
        return next((str(entry.get("agent", "")) for entry in given), "")

    @property
    def epochs(self) -> list[int]:
        """The terms in which leaders gave it out, in order."""
        return [int(entry["epoch"]) for entry in self.history if entry.get("epoch")]

    @property
    def trail(self) -> list[str]:
        """The statuses it went through, in order."""
        return [str(entry.get("to", "")) for entry in self.history]


@dataclass(frozen=True, slots=True)
class SeenQueue:
    """A queue: its key, how many wait there, and some of them, the next one first."""

    key: str
    length: int
    head: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SeenLease:
    """An agent's lease; `fields` are empty and `left` is 0 where it is over."""

    agent: str
    fields: Fields
    left: float = 0.0
    """Seconds until it runs out unless it is renewed."""


@dataclass(frozen=True, slots=True)
class SeenMember:
    """A process of the cluster: one of running, frozen, stopped, dead; the pid is 0 where it has none."""

    name: str
    role: str
    pid: int
    state: str


@dataclass(frozen=True, slots=True)
class SeenRegistry:
    """Who is registered in a stage that has a registry, and who leads its schedulers."""

    agents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By id: what each says of itself."""
    schedulers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    leader: str = ""
    epoch: int = 0
    managers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those that answer calls, by their addresses as they are registered."""
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those that tell figures, likewise."""


@dataclass(frozen=True, slots=True)
class TaskProcess:
    """A live process that belongs to one attempt of a task."""

    task_id: str
    attempt: int
    pid: int
    name: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One look at a system. Where Redis is away `away` says why, and all that stands in Redis is empty."""

    names: Names
    away: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    tasks: Mapping[str, SeenTask] = field(default_factory=dict)
    """By id: those that changed last, newest first, and all that the scenario spoke of."""
    queues: Mapping[str, SeenQueue] = field(default_factory=dict)
    """By key."""
    leases: Mapping[str, SeenLease] = field(default_factory=dict)
    """By agent id."""
    held: Mapping[str, int] = field(default_factory=dict)
    """How many tasks each agent holds."""
    registry: SeenRegistry | None = None
    """None where the stage has none, or it is away."""
    members: Sequence[SeenMember] = ()
    processes: Sequence[TaskProcess] = ()
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The last lines that each role of the cluster logged."""
    traffic: Sequence[Traffic] = ()
    """What is on the bus, in a stage that has one."""
    beats: Mapping[str, Beat] = field(default_factory=dict)
    """By agent id: its newest heartbeat."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """How many updates of agents were refused, by the answer they got."""
    figures: Callable[[], Sequence[Figure]] = tuple
    """Asks all processes for their figures, where somebody wants to know."""

    def task(self, name: str) -> SeenTask:
        """The task that the scenario calls so."""
        return self.tasks.get(self.names.id(name), SeenTask())

    def member(self, name: str) -> SeenMember | None:
        return next((member for member in self.members if member.name == name), None)

    def processes_of(self, name: str, attempt: int) -> list[TaskProcess]:
        """The live processes of one attempt of the task that the scenario calls so."""
        wanted = self.names.id(name)
        return [process for process in self.processes if (process.task_id, process.attempt) == (wanted, attempt)]
