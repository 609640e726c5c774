"""What all registries share: presences, watches and campaigns that are kept up by threads of their own.

A registry says how one server keeps them, in single bounded requests; what goes on until it is closed is here.
"""

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from weakref import WeakSet

from common.clock import Clock
from common.contracts import Closing, Info, Registration, Term
from common.registries import info as infos
from common.registries.campaign import Campaign, Candidacy
from common.registries.presence import KeptRegistration, Presence
from common.registries.watching import View, Watching


class KeptRegistry(ABC):
    """A Registry on a server that is asked again and again. `session`: seconds after which the silent are gone."""

    def __init__(self, session: float, clock: Clock) -> None:
        self._session, self._clock = session, clock
        self._lock = threading.Lock()
        self._kept: WeakSet[KeptRegistration | Watching | Campaign] = WeakSet()

    def register(self, group: str, member: str, info: Info) -> Registration:
        presence = self._presence(group, member, str(info.get("boot", "")), infos.encode(member, info))
        registration = KeptRegistration(member, presence, self._pace, self._clock)
        self._keep(registration)
        registration.loop.start()
        return registration

    def members(self, group: str) -> Mapping[str, Info]:
        view = self._view(group, None)
        try:
            return view.look()
        finally:
            view.close()

    def watch(self, group: str, changed: Callable[[Mapping[str, Info]], None]) -> Closing:
        watching = Watching(group, changed, self._clock)
        self._keep(watching)
        watching.begin(self._view(group, watching.loop.wake))
        return watching

    def campaign(self, office: str, candidate: str, lead: Callable[[Term], None]) -> Closing:
        def wake() -> None:
            campaign.loop.wake()

        candidacy = self._candidacy(office, candidate, wake)
        campaign = Campaign(office, candidate, candidacy, lead, pace=self._pace, clock=self._clock)
        self._keep(campaign)
        campaign.loop.start()
        return campaign

    @abstractmethod
    def leader(self, office: str) -> tuple[str, int] | None: ...

    def close(self) -> None:
        kept = self._all()
        # First all at once, for each may have something to wait for. What they can't give up now goes with the session.
        for one in kept:
            one.loop.abandon()
            one.end() if isinstance(one, Campaign) else one.loop.end()
        for one in kept:
            one.close()
        self._disconnect()

    @abstractmethod
    def _presence(self, group: str, member: str, boot: str, text: bytes) -> Presence:
        """The place of that boot, which says `text` of itself; nothing is asked yet."""

    @abstractmethod
    def _view(self, group: str, hint: Callable[[], None] | None) -> View:
        """The members of a group; `hint` is for whoever looks more than once, and called when they may have changed."""

    @abstractmethod
    def _candidacy(self, office: str, candidate: str, hint: Callable[[], None]) -> Candidacy:
        """A place in the line for an office; `hint` may be called when the line may have changed."""

    @abstractmethod
    def _disconnect(self) -> None: ...

    def _pace(self) -> float:
        """Seconds between two proofs: several fit into a session, and one that fails may be repeated."""
        return self._session / 8

    def _wake_all(self) -> None:
        """The server is there again."""
        for one in self._all():
            one.loop.wake()

    def _doubt_all(self) -> None:
        """What the server said last may not hold any more."""
        for one in self._all():
            if isinstance(one, Campaign):
                one.doubt()

    def _keep(self, one: KeptRegistration | Watching | Campaign) -> None:
        with self._lock:
            self._kept.add(one)

    def _all(self) -> list[KeptRegistration | Watching | Campaign]:
        with self._lock:
            return list(self._kept)


def fresh() -> str:
    """A name that nobody else has, to know one's own by."""
    return uuid.uuid4().hex[:12]
