"""A question to a running system: it knows what to see, what should be seen, and what a person would type.

A scenario's claims are built of these, so that "expected", "got" and the command come with every claim. They stand in
common/lab/probes/, by what they are about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.lab.names import Names
from common.lab.picture import Picture


@dataclass(frozen=True, slots=True)
class Probe:
    """One question. It holds where what is seen equals what is expected."""

    see: Callable[[Picture], Any]
    expect: Any
    ask: Callable[[Names], str]
    """The command that shows the same to a person."""
    local: bool = False
    """Whether it can be answered while Redis is away."""

    def seen(self, picture: Picture) -> Any:
        """What is there; where that can't be told, the reason as text, which equals nothing expected."""
        if picture.away and not self.local:
            return picture.away
        return self.see(picture)
