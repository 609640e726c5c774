"""A registration that is kept up: its member is there, again and again proved, until it is closed."""

import logging
from collections.abc import Callable
from typing import Protocol

from common.clock import Clock
from common.registries.repeating import Repeating

log = logging.getLogger("dts.registry")


class Presence(Protocol):
    """One boot's place in a group, as a server keeps it. Called from one thread."""

    def prove(self) -> float | None:
        """Be there, made anew where it is gone, and say until when that is proved; None where a later boot is there.

        Raises Unavailable.
        """
        ...

    def leave(self) -> None:
        """Be gone; another boot's place is left alone. Raises Unavailable."""
        ...


class KeptRegistration:
    """Proves a presence as often as `pace` says."""

    def __init__(self, member: str, presence: Presence, pace: Callable[[], float], clock: Clock) -> None:
        self._member, self._presence, self._pace = member, presence, pace
        self._proved_until = 0.0
        self.loop = Repeating(f"registration of {member}", self._step, presence.leave, clock)

    @property
    def proved_until(self) -> float:
        return self._proved_until

    def close(self) -> None:
        self.loop.end()
        self.loop.join()

    def _step(self) -> float:
        proved = self._presence.prove()
        self._proved_until = proved or 0.0
        if proved is None:
            log.warning("a later boot of %s has registered; this one stays away", self._member)
            self.loop.end()
        return self._pace()
