"""Watching a task until it ends: asks the store again and again, quickly at first, then four times a second."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from common.cli.failures import NotFound
from common.clock import Clock
from common.domain.errors import Unavailable
from common.domain.task import Task

if TYPE_CHECKING:
    from common.cli.where import Tasks

T = TypeVar("T")

FIRST_REST, LONGEST_REST = 0.01, 0.25
"""Seconds between two questions."""
PATIENCE = 30.0
"""Seconds for which a server may be away before a watcher gives up."""


class Watcher:
    """Looks at one task over and over, through short outages of the server. One thread; Ctrl-C ends any wait."""

    def __init__(self, tasks: "Tasks", clock: Clock, task_id: str) -> None:
        self._tasks, self._clock, self._task_id = tasks, clock, task_id
        self._rest = FIRST_REST

    def task(self) -> Task:
        """The task as it is now. Raises NotFound, Unavailable after PATIENCE."""
        task = self._ask(lambda: self._tasks.get(self._task_id))
        if task is None:
            raise NotFound(f"there is no task {self._task_id}")
        return task

    def until_final(self) -> Iterator[Task]:
        """The task each time it was looked at; ends with the look that finds it final."""
        while True:
            task = self.task()
            yield task
            if task.status.final:
                return
            self.rest(news=False)

    def log(self, attempt: int, offset: int = 0) -> Iterator[tuple[str, int]]:
        """What the attempt's log has from `offset` on, in pieces, each with the offset after it."""
        while True:
            page = self._ask(lambda at=offset: self._tasks.read_log(self._task_id, attempt, at))  # type: ignore[misc]
            if page.next_offset == offset:
                return
            offset = page.next_offset
            yield page.text, offset

    def rest(self, *, news: bool) -> None:
        """Wait a little before the next look: the less happens, the longer."""
        self._rest = FIRST_REST if news else min(self._rest * 1.5, LONGEST_REST)
        self._clock.wait(threading.Event(), self._rest)

    def _ask(self, question: Callable[[], T]) -> T:
        give_up: float | None = None
        while True:
            try:
                return question()
            except Unavailable:
                now = self._clock.monotonic()
                give_up = give_up or now + PATIENCE
                if now >= give_up:
                    raise
            self.rest(news=False)


def follow(watcher: Watcher, attempt: int, show: Callable[[str], None], begins: Callable[[int], None]) -> Task:
    """Pass on the log as it grows, from `attempt` on and through later ones; returns the task when it is final.

    `begins` is told each further attempt before its first output.
    """
    offset = 0
    while True:
        # The task first: of an attempt that is over, the log read afterwards is complete.
        task = watcher.task()
        news = False
        for text, next_offset in watcher.log(attempt, offset):
            show(text)
            offset, news = next_offset, True
        if task.attempt > attempt:
            attempt, offset = task.attempt, 0
            begins(attempt)
        elif task.status.final:
            return task
        else:
            watcher.rest(news=news)
