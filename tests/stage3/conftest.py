"""One leader, its store and the heartbeats that it hears, in this process."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from common.domain.messages import Beat
from common.domain.status import Status
from common.store.keys import Keys
from stage3_kafka.pulse import Pulse
from tests.stage2.conftest import Yard

QUIET = Beat(
    agent="agent-1",
    boot="b",
    number=1,
    told=0,
    running=0,
    free=4,
    cpu=0.0,
    own=0.0,
    memory=0.0,
    idle=0.0,
    draining=False,
    waiting=frozenset(),
    held=frozenset(),
)


class Heard:
    """A bus of which only heartbeats matter. They come when a test says so."""

    def __init__(self) -> None:
        self.newest: dict[str, Beat] = {}
        self.echoes = True

    def beats(self) -> "Heard":
        return self

    def beat(self, beat: Beat) -> None:
        if self.echoes:
            self.newest[beat.agent] = beat

    def look(self, timeout: float) -> Mapping[str, tuple[Beat, float]]:
        return {agent: (beat, 0.0) for agent, beat in self.newest.items()}

    def close(self) -> None: ...


class Field(Yard):
    """A yard with a bus."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        super().__init__(redis, keys)
        self.heard = Heard()
        self.pulse = Pulse(self.heard, self.store, "scheduler-1", self.clock)  # type: ignore[arg-type]

    def beat(self, agent: str = "agent-1", **said: Any) -> None:
        """It beats, and the leader hears it."""
        last = self.heard.newest.get(agent, replace(QUIET, agent=agent, number=0))
        self.heard.newest[agent] = replace(last, number=last.number + 1, **said)
        self.pulse.step()

    def given(self, count: int = 1, *, running: bool = False) -> list[str]:
        """Tasks that agent-1 has."""
        self.agent("agent-1")
        self.look()
        tasks = self.submit(count)
        self.assigner.step()
        if running:
            found = [task for task in self.store.get_many(tasks) if task]
            self.store.begun([(task, 0.0) for task in found], "manager")
        return tasks

    def statuses(self, tasks: Sequence[str]) -> set[Status]:
        return {self.task(task_id).status for task_id in tasks}


@pytest.fixture
def field(redis: Redis, keys: Keys) -> Field:
    return Field(redis, keys)
