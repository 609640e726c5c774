"""What a task-manager tells: how many tasks stand how, what is on its way, and how its calls and its queue do."""

import time
from collections import Counter as Count
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.clock import Clock
from common.contracts import Bus, Message, Queue, Traffic
from common.domain.errors import DtsError
from common.rpc.server import Methods
from common.service import Service
from common.store.reading import TaskReader
from stage5_ops.metrics.figures import SECONDS

DEAD = (":dead", ".dlq")
"""How the destinations of dead letters end, in Redis and in Kafka."""
LOOK_EVERY = 2.0
"""Seconds between two looks at the store and the bus: who scrapes costs them nothing."""

T = TypeVar("T")


class Survey(Service):
    """Looks at the store and the bus now and then, and remembers what it saw.

    Every manager does so, and sees the same: who adds their figures up counts tasks twice.
    """

    name = "survey"

    def __init__(self, own: CollectorRegistry, store: TaskReader, bus: Bus, clock: Clock) -> None:
        self._store, self._bus, self._clock = store, bus, clock
        self._tasks = Gauge("dts_tasks", "Tasks by status.", ["status"], registry=own)
        self._next = Gauge(
            "dts_next_waits_seconds", "For how long the task whose turn is next has been ready.", registry=own
        )
        self._given_up = Gauge("dts_given_up_tasks", "Tasks given up because agents were lost with them.", registry=own)
        self._waiting = Gauge(
            "dts_bus_waiting", "Messages that wait for their reader, by destination.", ["destination"], registry=own
        )
        self._dead = Gauge(
            "dts_dead_letters", "Messages that nobody could read, by destination.", ["destination"], registry=own
        )
        self._shut = Gauge("dts_shut_agents", "Agents that get nothing new, by why.", ["why"], registry=own)
        self._known: set[str] = set()
        self._looked = Gauge("dts_survey_timestamp_seconds", "When all of this was looked at.", registry=own)

    def step(self) -> float:
        for status, count in self._store.counts().items():
            self._tasks.labels(status).set(count)
        self._next.set(self._store.next_waits())
        self._given_up.set(self._store.given_up())
        shut = Count(self._store.shut().values())
        for why in ("drained", "quarantined"):
            self._shut.labels(why).set(shut[why])
        self._tell_of_the_bus()
        self._looked.set(self._clock.time())
        return LOOK_EVERY

    def _tell_of_the_bus(self) -> None:
        pushed = self._store.keys.tasks_queue
        letters = Traffic(self._store.keys.dead_letters(pushed), self._store.unread())
        seen = {one.name: one.waiting for one in [*self._bus.traffic(), letters]}
        # What is gone from the bus is not told any more: the last number would stand for ever.
        for name in self._known - seen.keys():
            self._kind(name).remove(name)
        self._known = set(seen)
        for name, waiting in seen.items():
            self._kind(name).labels(name).set(waiting)

    def _kind(self, name: str) -> Gauge:
        return self._dead if name.endswith(DEAD) else self._waiting


class MeteredQueue(Generic[T]):
    """A Queue of which one knows how much came, and when somebody last looked for more."""

    def __init__(self, queue: Queue[T], own: CollectorRegistry) -> None:
        self._queue = queue
        self._taken = Counter("dts_manager_messages", "Messages of agents that were taken.", registry=own)
        self._at = Gauge("dts_manager_take_timestamp_seconds", "When more was last looked for.", registry=own)

    def put(self, bodies: Iterable[T]) -> None:
        self._queue.put(bodies)

    def take(self, limit: int, timeout: float) -> Sequence[Message[T]]:
        taken = self._queue.take(limit, timeout)
        self._taken.inc(len(taken))
        self._at.set_to_current_time()
        return taken

    def ack(self) -> None:
        self._queue.ack()

    def reject(self, message: Message[T], reason: str) -> None:
        self._queue.reject(message, reason)

    def close(self) -> None:
        self._queue.close()


class CallFigures:
    """How calls by RPC were answered."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._calls = Counter("dts_rpc_calls", "Calls, by method and outcome.", ["method", "outcome"], registry=own)
        self._seconds = Histogram(
            "dts_rpc_call_seconds", "How long their answers took.", ["method"], buckets=SECONDS[:10], registry=own
        )

    def measured(self, methods: Methods) -> Methods:
        """The same methods; each call of theirs is counted."""
        return {name: self._measured(name, call) for name, call in methods.items()}

    def _measured(self, name: str, call: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], Any]:
        outcomes = {outcome: self._calls.labels(name, outcome) for outcome in ("ok", "refused", "error")}
        seconds = self._seconds.labels(name)

        def answered(said: Mapping[str, Any]) -> Any:
            outcome, began = "error", time.perf_counter()
            try:
                value = call(said)
                outcome = "ok"
                return value
            except DtsError:
                outcome = "refused"
                raise
            finally:
                outcomes[outcome].inc()
                seconds.observe(time.perf_counter() - began)

        return answered
