"""Follower: looks at tasks for all who wait for one, with one question for all of them."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from common.clock import Clock
from common.domain.errors import DtsError
from stage4_api.task_service import Standing

log = logging.getLogger("dts.api")

EVERY, AFTER_TROUBLE = 0.1, 1.0
"""Seconds between two looks."""
AT_ONCE = 1000
"""Tasks in one question."""


class Follower:
    """Tells waiters that their task stands otherwise. Its one thread looks while somebody waits, and rests else.

    Safe to use from many threads.
    """

    def __init__(self, look: Callable[[Sequence[str]], list[Standing | None]], clock: Clock) -> None:
        self._look, self._clock = look, clock
        self._changed = threading.Condition()
        self._waiting: Counter[str] = Counter()
        self._seen: dict[str, Standing | None] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def wait(self, task_id: str, known: Standing | None, seconds: float) -> None:
        """Return when the task was seen to stand otherwise than `known`, after `seconds`, or at `stop`.

        What was seen may be older than what the caller knows: look again, and wait again.
        """
        with self._changed:
            if not self._waiting[task_id]:
                self._seen.pop(task_id, None)
            self._waiting[task_id] += 1
            self._begin()
            self._changed.notify_all()
            try:
                self._changed.wait_for(
                    lambda: self._stopped.is_set() or self._seen.get(task_id, known) != known, seconds
                )
            finally:
                self._waiting[task_id] -= 1
                if not self._waiting[task_id]:
                    del self._waiting[task_id]
                    self._seen.pop(task_id, None)

    def stop(self) -> None:
        """Let all waiters go, now and from now on; returns when the thread is gone."""
        with self._changed:
            self._stopped.set()
            self._changed.notify_all()
            thread = self._thread
        if thread:
            thread.join()

    def _begin(self) -> None:
        # Not before somebody waits: a process that forks after it was wired would lose the thread.
        if self._thread is None and not self._stopped.is_set():
            self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._clock.wait(self._stopped, self._step())

    def _step(self) -> float:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped.is_set())
            task_ids = list(self._waiting)
        try:
            for first in range(0, len(task_ids), AT_ONCE):
                self._note(task_ids[first : first + AT_ONCE])
        except DtsError as error:
            # Those who wait find out for themselves when their time is over.
            log.debug("can't look at tasks that are waited for: %s", error)
            return AFTER_TROUBLE
        return EVERY

    def _note(self, task_ids: Sequence[str]) -> None:
        seen = dict(zip(task_ids, self._look(task_ids), strict=True))
        with self._changed:
            self._seen |= {task_id: standing for task_id, standing in seen.items() if task_id in self._waiting}
            self._changed.notify_all()
