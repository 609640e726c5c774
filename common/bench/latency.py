"""How long a single task takes, from when it is submitted until its result can be read."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from common.bench.figures import Reading, quantile
from common.bench.floors import BareStore
from common.bench.noop import noops
from common.bench.rig import WARM_UP, Place, Rig, Told, rig
from common.clock import SystemClock
from common.domain.status import Status
from common.lab.until import until

RATE = 50
"""Tasks a second: so few that none waits for another."""
LOOKS = 20
"""Looks for the result in the time that the floor takes: more would take from what is measured."""
SHORTEST = 0.0003
"""Seconds between two looks, at least."""


def latency(place: Place, count: int, told: Told) -> list[Reading]:
    """One task after the other at a steady pace, seen by a client that looks for its end all the time."""
    with rig(place, noops(WARM_UP)) as system:
        with _floor(system, count) as bare:
            floor = _paced(bare, count, lambda *_: None)
        every = max(SHORTEST, quantile(floor, 0.50) / 1000 / LOOKS)
        times = _paced(lambda _: _seen(system, every), count, told)
    return [
        Reading("latency.p50", quantile(times, 0.50), quantile(floor, 0.50), tuple(times)),
        Reading("latency.p99", quantile(times, 0.99), quantile(floor, 0.99)),
    ]


@contextmanager
def _floor(system: Rig, count: int) -> Iterator[Callable[[int], None]]:
    """What a task must take at least: by the store, or by Kafka where it travels there."""
    if not system.world.kafka:
        yield BareStore(system.redis, noops(count)).one
        return
    # Only a stage on Kafka pays for loading its client.
    from common.bench.two_hops import two_hops

    with two_hops(system.world.kafka) as hops:
        yield hops.one


def _seen(system: Rig, every: float) -> None:
    """Submit one, by the API where the stage has one, and see it end well."""
    (task_id,) = system.submit_by_the_door(noops(1))
    status, key = str(Status.SUCCESS), system.store.keys.task(task_id)
    until(lambda: system.redis.hget(key, "status") == status, every=every, what=f"task {task_id} to end well")


def _paced(act: Callable[[int], None], count: int, told: Told) -> Sequence[float]:
    """Milliseconds that each act took, counted from when it was due: one that hangs makes the next ones late."""
    clock, never, times = SystemClock(), threading.Event(), []
    begun = time.perf_counter()
    for number in range(count):
        due = begun + number / RATE
        clock.wait(never, max(0.0, due - time.perf_counter()))
        act(number)
        times.append((time.perf_counter() - due) * 1000)
        told(number + 1, count)
    return times
