"""A registry in ZooKeeper: members and candidates are ephemeral nodes, which go with the session that made them.

    /<group>/<member>                          ephemeral: what the member says of itself, JSON
    /<office>/election/<candidate>-<id>-<n>    ephemeral, sequential: the candidate; the lowest of them leads

A session is trusted from before a request was sent that only this session's own node can have answered. Such a
request goes through the ensemble's leader (`sync`), for a server that is cut off from the others still answers.
https://zookeeper.apache.org/doc/current/recipes.html#sc_leaderElection
"""

from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kazoo.exceptions import NodeExistsError, NoNodeError

from common.clock import Clock
from common.contracts import Info
from common.registries.campaign import Candidacy
from common.registries.info import decode
from common.registries.kept import KeptRegistry
from common.registries.lost import margin
from common.registries.presence import Presence
from common.registries.watching import View
from common.registries.zookeeper_election import Election, leader_of
from common.registries.zookeeper_link import ANSWER_WITHIN, Link, Node, Session

READ_ANEW = 60.0
"""Seconds after which all members are read again, though no watch has told of a change: a watch is but a hint."""


class ZooKeeperRegistry(KeptRegistry):
    """The registry at `hosts`, "host:port,host:port/chroot". Begins to connect at once; raises BadSetting."""

    def __init__(
        self, hosts: str, session: float, clock: Clock, access: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        super().__init__(session, clock)
        self._link = Link(hosts, session, self._wake_all, self._doubt_all, access)

    def leader(self, office: str) -> tuple[str, int] | None:
        self._link.session(within=ANSWER_WITHIN)
        return leader_of(self._link, office)

    def members(self, group: str) -> Mapping[str, Info]:
        self._link.session(within=ANSWER_WITHIN)
        return super().members(group)

    def _presence(self, group: str, member: str, boot: str, text: bytes) -> Presence:
        return _Presence(self._link, f"/{group}/{member}", boot, text, self._clock)

    def _view(self, group: str, hint: Callable[[], None] | None) -> View:
        return _View(self._link, f"/{group}", hint, self._clock)

    def _candidacy(self, office: str, candidate: str, hint: Callable[[], None]) -> Candidacy:
        return Election(self._link, office, candidate, hint, self._clock)

    def _disconnect(self) -> None:
        self._link.close()


class _Presence:
    """The node of one boot. Who finds a later boot's in its place leaves it there; anything else gives way to it."""

    def __init__(self, link: Link, path: str, boot: str, text: bytes, clock: Clock) -> None:
        self._link, self._path, self._clock = link, path, clock
        self._boot, self._text = boot, text
        self._came = False

    def prove(self) -> float | None:
        while True:
            sent = self._clock.monotonic()
            session = self._link.session()
            found = self._link.read(self._path)
            if self._came and found and self._is_later(found):
                return None
            if (found and self._is_ours(found, session)) or self._made(found):
                self._came = True
                return sent + session.seconds - margin(session.seconds)

    def leave(self) -> None:
        session = self._link.session()
        found = self._link.read(self._path)
        if found and (found.text == self._text or (found.owner == session.id and not self._is_later(found))):
            self._link.delete(self._path)

    def _is_ours(self, found: Node, session: Session) -> bool:
        return found.owner == session.id and found.text == self._text

    def _is_later(self, found: Node) -> bool:
        return bool(decode(found.text).get("boot", self._boot) != self._boot)

    def _made(self, found: Node | None) -> bool:
        """Make the node ours; False where somebody else changed it meanwhile."""
        try:
            if found is None:
                self._link.create(self._path, self._text)
            else:
                # Of a session that is dead, or soon will be; of another boot; or by hand.
                self._link.replace(self._path, self._text)
        except (NodeExistsError, NoNodeError):
            return False
        return True


class _View:
    """The children of a group. What each says is read when it came, and again when a watch tells of a change."""

    def __init__(self, link: Link, path: str, hint: Callable[[], None] | None, clock: Clock) -> None:
        self._link, self._path, self._clock = link, path, clock
        self._hint = hint
        self._woken = (lambda _event: hint()) if hint else None
        self._known: dict[str, Info] = {}
        self._changed: deque[str | None] = deque()
        """Paths of nodes that may say something else now; None for all. Appended by kazoo's thread."""
        self._read_at = 0.0

    def look(self) -> Mapping[str, Info]:
        names = self._link.children(self._path, self._woken)
        # Kept before more is asked, for what was told of a change is told once.
        self._known = self._still_known()
        unread = [name for name in names if name not in self._known]
        nodes = self._link.nodes([f"{self._path}/{name}" for name in unread], self._hint and self._note)
        read = {name: decode(node.text) for name, node in zip(unread, nodes, strict=True) if node}
        known = self._known | read
        self._known = {name: known[name] for name in names if name in known}
        return self._known

    def close(self) -> None:
        pass

    def _note(self, event: Any) -> None:
        self._changed.append(event.path)
        if self._hint:
            self._hint()

    def _still_known(self) -> dict[str, Info]:
        """What need not be read again. A change from now on is told by the watch of the new reading."""
        changed = [self._changed.popleft() for _ in range(len(self._changed))]
        now = self._clock.monotonic()
        if None in changed or now >= self._read_at + READ_ANEW:
            self._read_at = now
            return {}
        old = {str(path).rpartition("/")[2] for path in changed}
        return {name: info for name, info in self._known.items() if name not in old}
