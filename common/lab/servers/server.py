"""What the lab has to know of a kind of server."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common.lab.home import Member
from common.lab.profile import Profile


@dataclass(frozen=True, slots=True)
class Site:
    """One server among those of its kind, and where it keeps its files."""

    member: Member
    peers: Sequence[Member]
    """All servers of this kind in this cluster, itself too, in their order."""
    data: Path
    """A directory of its own, which is there; absolute."""
    profile: Profile
    jars: Path
    """Where the jars of servers in Java stand."""


class Server(Protocol):
    """A kind of server, found by its role: how one is started, found by clients, and seen to work."""

    role: str
    setting: str
    """The setting by which clients find it, like DTS_REDIS_URL."""
    ports: int
    """How many each server needs; the first is the one for clients."""
    within: float
    """Seconds in which it must answer."""

    def command(self, site: Site) -> list[str]:
        """The command line that runs it in the foreground, on the member's ports and with the data it had.

        Writes what it needs into its directory. Raises MissingServer, which says what to install.
        """
        ...

    def address(self, servers: Sequence[Member]) -> str:
        """The value of `setting` with which clients reach all these servers."""
        ...

    def answers(self, site: Site) -> bool:
        """Whether it does its work now: it answered a real request, and is this very server; takes at most a second.

        Another program may listen on its port, and another server of this kind.
        """
        ...
