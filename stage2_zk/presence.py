"""Presence: an agent is seen by schedulers for as long as it wants work."""

import logging
import threading
from collections.abc import Callable

from common.contracts import Info, Registration, Registry
from common.domain.status import Answer
from common.service import Service
from common.store.tasks import TaskStore
from stage2_zk.live import GROUP

log = logging.getLogger("dts.presence")

HAND_BACK_EVERY = 0.1
"""Seconds between two looks, of an agent that stops, at what it was given all the same."""
REST = 0.3
"""Seconds that one step of an agent that stays rests, so that the end of its boot is seen soon."""


class Presence(Service):
    """Registers the agent; when `stop` is set it takes it off, and has what the agent has not started handed back.

    It must go on while running tasks are drained: a leader that has not seen it leave may give it some more.
    """

    name = "presence"

    def __init__(
        self,
        registry: Registry,
        agent: str,
        *,
        info: Info,
        stop: threading.Event,
        hand_back: Callable[[], None],
        hears: threading.Event | None = None,
    ) -> None:
        """`hears` is set once the agent gets what is ordered of it: until then nobody may see it."""
        self._registry, self._agent, self._info = registry, agent, info
        self._stop, self._hand_back, self._hears = stop, hand_back, hears
        self._registration: Registration | None = None

    @property
    def proved_until(self) -> float:
        """Until when, by the monotonic clock, schedulers certainly see this boot as present."""
        return self._registration.proved_until if self._registration else 0.0

    def step(self) -> float:
        if not self._stop.is_set():
            if self._hears and not self._hears.wait(HAND_BACK_EVERY):
                return 0
            if self._registration is None:
                self._registration = self._registry.register(GROUP, self._agent, self._info)
            self._stop.wait(REST)
            return 0
        # First what we have: to leave may take a while where the registry is away.
        self._hand_back()
        self._leave()
        return HAND_BACK_EVERY

    def close(self) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._registration:
            self._registration.close()
            self._registration = None


class HandBack:
    """Hands back what this boot was given, by the store, and has not started."""

    def __init__(self, store: TaskStore, agent: str, boot: str) -> None:
        self._store, self._agent, self._boot = store, agent, boot

    def __call__(self) -> None:
        held = [task for task in self._store.with_agent(self._agent) if task.boot == self._boot]
        for task, answer, after in self._store.hand_back(held, self._agent):
            if answer is Answer.OK:
                log.info("handed back: now %s", after, extra={"task_id": task.task_id, "attempt": task.attempt})
