"""Pulse: what agents' heartbeats say, as a leader needs it."""

from collections.abc import Mapping

from common.clock import Clock
from common.contracts import Beats, Bus, Candidate
from common.domain.messages import Beat
from common.domain.task import Task
from common.service import Service
from common.store.reading import TaskReader

LISTEN, REST = 0.2, 0.3
"""Seconds that one step listens, and rests."""
FRESH = 5.0
"""Seconds for which a heartbeat is believed."""
ECHO_EVERY = 1.0
"""Seconds between two messages to ourselves."""


class Pulse(Service):
    """Keeps the newest heartbeat of each agent. All but `step` may be called from many threads.

    It sends heartbeats to itself too: only who hears his own voice can say that others are silent.
    """

    name = "pulse"

    def __init__(self, bus: Bus, store: TaskReader, leader: str, clock: Clock) -> None:
        self._bus, self._store, self._self, self._clock = bus, store, f"~{leader}", clock
        self._boot = str(clock.monotonic())
        self._beats: Beats | None = None
        self._seen: Mapping[str, tuple[Beat, float]] = {}
        self._looked = self._clock.monotonic()
        self._applied: Mapping[str, tuple[str, int]] = {}
        self._echo_at, self._echoes = 0.0, 0

    def step(self) -> float:
        if self._beats is None:
            self._beats = self._bus.beats()
        self._seen, self._looked = self._beats.look(LISTEN), self._clock.monotonic()
        self._applied = self._store.last_applied()
        if self._looked >= self._echo_at:
            self._echo_at = self._looked + ECHO_EVERY
            self._echoes += 1
            self._bus.beat(_echo(self._self, self._boot, self._echoes))
        return REST

    def close(self) -> None:
        if self._beats:
            self._beats.close()

    def works(self) -> bool:
        """Whether the bus brings what is sent now."""
        return self._age(self._self) < FRESH

    def age(self, agent: str, boot: str) -> float:
        """Seconds since that boot was heard; infinite where it never was."""
        beat = self._seen.get(agent)
        return self._age(agent) if beat and beat[0].boot == boot else float("inf")

    def fresh(self) -> dict[str, Beat]:
        """The heartbeats that can be believed, by agent."""
        return {
            agent: beat
            for agent, (beat, _) in self._seen.items()
            if agent != self._self and not agent.startswith("~") and self._age(agent) < FRESH
        }

    def busy(self, one: Candidate) -> float:
        """How busy its agent says it is."""
        beat = self._seen.get(one.agent)
        if not beat or beat[0].boot != one.boot or self._age(one.agent) >= FRESH:
            return 0.0
        return beat[0].busy

    def told_all(self, beat: Beat) -> bool:
        """Whether everything is applied that its agent had told when it sent this."""
        boot, number = self._applied.get(beat.agent, ("", 0))
        return beat.told == 0 or (boot == beat.boot and number >= beat.told)

    def may_have(self, task: Task) -> bool:
        """Whether the task's agent may have it, or have told of it, as far as can be known."""
        beat = self.fresh().get(task.agent)
        if beat is None or beat.boot != task.boot:
            return True
        attempt = (task.task_id, task.attempt)
        return attempt in beat.waiting or attempt in beat.held or not self.told_all(beat)

    def _age(self, agent: str) -> float:
        seen = self._seen.get(agent)
        return seen[1] + self._clock.monotonic() - self._looked if seen else float("inf")


def _echo(name: str, boot: str, number: int) -> Beat:
    return Beat(
        agent=name,
        boot=boot,
        number=number,
        told=0,
        running=0,
        free=0,
        cpu=0.0,
        own=0.0,
        memory=0.0,
        idle=0.0,
        draining=False,
        waiting=frozenset(),
        held=frozenset(),
    )
