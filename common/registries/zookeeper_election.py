"""The line for an office in ZooKeeper: the lowest of the ephemeral nodes leads.

Each time that one stands, it is with a new node, so that the number of the change that made it (czxid) is
larger than that of every term before: it is the epoch.
"""

import re
from collections.abc import Callable

from common.clock import Clock
from common.registries.campaign import Held
from common.registries.kept import fresh
from common.registries.zookeeper_link import Link

TRUSTED = 2 / 3
"""How much of a session one's own word is trusted: as much as kazoo takes to notice that nobody answers."""

_NUMBERED = re.compile(r"-(\d{10})$", re.ASCII)


class Election:
    """One candidate's node in the line."""

    def __init__(self, link: Link, office: str, candidate: str, hint: Callable[[], None], clock: Clock) -> None:
        self._link, self._clock = link, clock
        self._office, self._candidate = office, candidate
        self._woken = lambda _event: hint()
        self._begin_anew()

    def stand(self) -> Held | None:
        sent = self._clock.monotonic()
        session = self._link.session()
        line = _line(self._link, self._office, self._woken)
        own = next((path for path in line if path.startswith(self._prefix)), None)
        if own is None:
            # Also where an answer was lost: then it is found the next time.
            self._link.create(self._prefix, self._candidate.encode(), sequence=True)
            return None
        *before, ours = self._link.nodes(line[: line.index(own) + 1], self._woken)
        if ours is None or ours.owner != session.id:
            self._begin_anew()
            return None
        if any(node and node.owner for node in before):
            return None
        return Held(ours.made, sent + TRUSTED * session.seconds)

    def resign(self) -> None:
        for path in _line(self._link, self._office):
            if path.startswith(self._prefix):
                self._link.delete(path)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._prefix = f"/{self._office}/election/{self._candidate}-{fresh()}-"


def leader_of(link: Link, office: str) -> tuple[str, int] | None:
    """Who stands first in the line, and its epoch; a node that somebody made by hand stands in no line."""
    first = next((node for node in link.nodes(_line(link, office)) if node and node.owner), None)
    return (first.text.decode(errors="replace"), first.made) if first else None


def _line(link: Link, office: str, woken: Callable[[object], None] | None = None) -> list[str]:
    """The paths of the candidates' nodes, the first one first."""
    parent = f"/{office}/election"
    numbered = [(number[1], name) for name in link.children(parent, woken) if (number := _NUMBERED.search(name))]
    return [f"{parent}/{name}" for _, name in sorted(numbered)]
