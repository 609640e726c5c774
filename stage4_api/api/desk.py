"""What the handlers of requests work with."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from common.clock import Clock
from common.domain.errors import Unanswered
from common.domain.ids import Ids
from stage4_api.api.follower import Follower
from stage4_api.task_service import TaskService

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """Shared by all requests of one process; safe to use from many threads."""

    service: TaskService
    follower: Follower
    clock: Clock
    ids: Ids
    ready: Callable[[], str]
    """'' or why this process can't serve now."""
    working: threading.BoundedSemaphore
    """One for each request that may be worked on."""
    streams: threading.BoundedSemaphore
    """One for each request that may hold its connection open to wait for something."""
    described: Callable[[], dict[str, Any]]
    """The OpenAPI document."""
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def resting(self) -> Iterator[bool]:
        """While a request that is worked on waits for something, others may be; False where too many wait already."""
        if not self.streams.acquire(blocking=False):
            yield False
            return
        self.working.release()
        try:
            yield True
        finally:
            self.working.acquire()
            self.streams.release()


def surely(act: Callable[[], T]) -> T:
    """Do what may be repeated, and repeat it once where its answer was lost. Raises Unanswered, Unavailable."""
    try:
        return act()
    except Unanswered:
        return act()
