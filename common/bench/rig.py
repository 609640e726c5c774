"""What a measurement is made on: a private system of one stage, and a client of its store."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from common.bench.noop import TYPE
from common.client.http import Http
from common.client.tasks import ApiTasks
from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.status import Status
from common.domain.task import Submission
from common.lab.stages import StageSpec
from common.lab.until import until
from common.lab.worlds import World, private
from common.store.tasks import TaskStore
from common.store.writing import BATCH
from common.transports.redis_client import connect, redis_errors

BY = "bench"
WARM_UP = 50
"""Tasks that are run first and not counted: code is imported, scripts are known to the server."""
STALLED = 60.0
"""Seconds without any progress after which a measurement is given up."""

Told = Callable[[int, int], None]
"""Hears how far a measurement is: done, of all."""


@dataclass(frozen=True, slots=True)
class Place:
    """On what is measured: a stage, and the servers under it."""

    stage: StageSpec
    profile: str


@dataclass(frozen=True, slots=True)
class Rig:
    """A running system whose agent has been warmed up."""

    world: World
    redis: Redis
    store: TaskStore
    ids: Ids
    door: ApiTasks | None = None
    """The REST API, of a stage that has one."""

    def submit_by_the_door(self, submissions: Sequence[Submission]) -> list[str]:
        """Submit them as a client of that stage does; returns their ids."""
        if self.door is None:
            return self.submit(submissions)
        named = [one.model_copy(update={"task_id": self.ids.new()}) for one in submissions]
        return [made.task_id for made in self.door.submit_all(named, BY)]

    def submit(self, submissions: Sequence[Submission]) -> list[str]:
        """Submit them in as few round trips as a client can; returns their ids."""
        return [made.task_id for made in self.store.submit(submissions, BY, self.ids)]

    def await_ended(self, count: int, told: Told) -> None:
        """Wait until so many have ended well, all since the rig was made together."""
        done = 0

        def further() -> bool:
            nonlocal done
            before, done = done, self.store.counts()[Status.SUCCESS]
            told(done, count)
            return done > before or done >= count

        while done < count:
            until(further, STALLED, every=0.05, what=f"more than {done} of {count} tasks to end well")

    def stamps(self, task_ids: Sequence[str], name: str) -> list[float]:
        """One of their times, as the store's clock stamped it, in seconds since 1970."""
        found: list[float] = []
        for first in range(0, len(task_ids), BATCH):
            with redis_errors(), self.redis.pipeline(transaction=False) as pipe:
                for task_id in task_ids[first : first + BATCH]:
                    pipe.hget(self.store.keys.task(task_id), name)
                found += [datetime.fromisoformat(str(stamp)).timestamp() for stamp in pipe.execute()]
        return found


@contextmanager
def rig(place: Place, warm_up: Sequence[Submission], settings: Mapping[str, str] | None = None) -> Iterator[Rig]:
    """A new system for the block, of which nothing is left afterwards; `settings` are its agent's. Raises LabError."""
    env = {"DTS_EXECUTORS": json.dumps({TYPE: "common.bench.noop:NoOp"}), **(settings or {})}
    with (
        private(place.stage, place.profile, env) as world,
        closing(connect(world.redis_url)) as redis,
        ExitStack() as own,
    ):
        clock = SystemClock()
        door = ApiTasks(Http(world.api.url, world.api.token, clock)) if world.api.url else None
        if door:
            own.callback(door.close)
        made = Rig(world, redis, TaskStore(redis), Ids(clock), door)
        made.submit(warm_up)
        made.await_ended(len(warm_up), lambda *_: None)
        yield made
