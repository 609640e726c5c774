"""A watch that survives everything: hints only make it look sooner than it would anyway."""

from collections.abc import Callable, Mapping
from typing import Protocol

from common.clock import Clock
from common.contracts import Info
from common.registries.repeating import Repeating

LOOK_EVERY = 1.0
"""Seconds between two looks, where no hint comes."""


class View(Protocol):
    """The members of one group, as a server keeps them. Called from one thread."""

    def look(self) -> Mapping[str, Info]:
        """Who is present now. Raises Unavailable."""
        ...

    def close(self) -> None: ...


class Watching:
    """Looks, and calls `changed` where it sees something else than the last time."""

    def __init__(self, group: str, changed: Callable[[Mapping[str, Info]], None], clock: Clock) -> None:
        self._changed = changed
        self._last: Mapping[str, Info] | None = None
        self.loop = Repeating(f"watch of {group}", self._step, self._finish, clock)

    def begin(self, view: View) -> None:
        """Begin to look; whoever made the view may call `loop.wake` from then on."""
        self._view: View = view
        self.loop.start()

    def close(self) -> None:
        self.loop.end()
        self.loop.join()

    def _step(self) -> float:
        seen = self._view.look()
        if seen != self._last and not self.loop.ending:
            self._last = seen
            self._changed(seen)
        return LOOK_EVERY

    def _finish(self) -> None:
        self._view.close()
