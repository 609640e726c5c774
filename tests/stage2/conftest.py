"""A store, agents that are only told of, and a leader that is stepped by hand."""

import threading
from collections.abc import Callable, Sequence

import pytest
from redis import Redis

from common.clock import SystemClock
from common.contracts import Strategy
from common.domain.ids import Ids
from common.domain.messages import Order
from common.domain.task import Submission, Task
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.strategies.least_load import LeastLoad
from stage2_zk.assigner import Assigner
from stage2_zk.choices import Choices
from stage2_zk.live import LOOK_EVERY, Live
from stage2_zk.tenure import Tenure
from tests.stage2.registry import Registry

EPOCH = 5


class Told:
    """Dispatches that a test can read, or refuse."""

    def __init__(self) -> None:
        self.messages: list[Order] = []
        self.trouble: Exception | None = None

    def publish(self, orders: Sequence[Order]) -> None:
        if self.trouble:
            raise self.trouble
        self.messages += orders

    def of(self, agent: str) -> list[tuple[str, int]]:
        return [task for message in self.messages if message.agent == agent for task in message.tasks]


class HandClock(SystemClock):
    """A clock whose waits are over at once, and whose monotonic time a test may push on."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.is_set()


class Yard:
    """All that one leader works with."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis, self.keys = redis, keys
        self.clock = HandClock()
        self.store, self.leases = TaskStore(redis, keys), Leases(redis, keys)
        self.registry, self.told = Registry(), Told()
        self.tenure = Tenure("scheduler-1", EPOCH)
        self.live = Live(self.registry, self.store.leases, self.clock)
        self.assigner = self.assigner_with(LeastLoad())
        self.ids = Ids(self.clock)

    def assigner_with(self, strategy: Strategy, bell: Callable[[float], bool] = lambda _: False) -> Assigner:
        choices = Choices(self.store, self.live.agents, {"this": strategy}, "this", self.clock)
        return Assigner(self.store, self.told, self.tenure, choices=choices, bell=bell, clock=self.clock)

    def agent(self, name: str, boot: str = "b", slots: int = 4, lease: float = 60, **info: object) -> None:
        """An agent that is alive in every respect."""
        assert self.leases.take(name, boot, lease, {"slots": slots})
        self.registry.put(name, {"boot": boot, "slots": slots, "types": ["SHELL"]} | info)

    def look(self) -> list[str]:
        """Let the leader look who lives."""
        self.clock.ahead += LOOK_EVERY
        self.live.step()
        return [agent.agent for agent in self.live.agents()]

    def submit(self, count: int = 1, **spec: object) -> list[str]:
        bodies = [Submission.of(**{"content": "true"} | spec) for _ in range(count)]
        return [one.task_id for one in self.store.submit(bodies, "tester", self.ids)]

    def task(self, task_id: str) -> Task:
        task = self.store.get(task_id)
        assert task
        return task


@pytest.fixture
def yard(redis: Redis, keys: Keys) -> Yard:
    return Yard(redis, keys)
