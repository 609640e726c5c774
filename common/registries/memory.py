"""A registry inside one process, for tests: several handles on one broker."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace

from common.clock import Clock, SystemClock
from common.contracts import Info
from common.domain.errors import Unavailable
from common.registries.campaign import Candidacy, Held
from common.registries.info import decode
from common.registries.kept import KeptRegistry, fresh
from common.registries.lost import margin
from common.registries.presence import Presence
from common.registries.watching import View


@dataclass(frozen=True, slots=True)
class Member:
    """A member's last word: what it said of itself, and when it counts as gone."""

    boot: str
    text: bytes
    until: float


@dataclass(frozen=True, slots=True)
class Office:
    """An office's last term."""

    candidate: str = ""
    token: str = ""
    epoch: int = 0
    until: float = 0.0


@dataclass(slots=True)
class MemoryBroker:
    """What a server would keep; everything in it is guarded by `lock`. Those in `hints` are called after a change."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    groups: dict[str, dict[str, Member]] = field(default_factory=dict)
    offices: dict[str, Office] = field(default_factory=dict)
    hints: list[Callable[[], None]] = field(default_factory=list)

    def tell(self) -> None:
        with self.lock:
            hints = list(self.hints)
        for hint in hints:
            hint()


class MemoryRegistry(KeptRegistry):
    """One handle on a broker; `cut_off` lets it reach the broker no more, until it is set back."""

    def __init__(self, broker: MemoryBroker, session: float = 10.0, clock: Clock | None = None) -> None:
        super().__init__(session, clock or SystemClock())
        self._broker = broker
        self.cut_off = False

    def leader(self, office: str) -> tuple[str, int] | None:
        with self._asked() as now:
            last = self._broker.offices.get(office, Office())
            return (last.candidate, last.epoch) if last.until > now else None

    def _presence(self, group: str, member: str, boot: str, text: bytes) -> Presence:
        return _Presence(self._broker, self._asked, self._session, (group, member, boot, text))

    def _view(self, group: str, hint: Callable[[], None] | None) -> View:
        return _View(self._broker, self._asked, group, hint)

    def _candidacy(self, office: str, candidate: str, hint: Callable[[], None]) -> Candidacy:
        return _Candidacy(self._broker, self._asked, self._session, (office, candidate))

    def _disconnect(self) -> None:
        self.cut_off = True

    @contextmanager
    def _asked(self) -> Iterator[float]:
        """One request: the broker's time, while nobody else asks it."""
        if self.cut_off:
            raise Unavailable("this handle is cut off")
        with self._broker.lock:
            yield self._clock.monotonic()


Asked = Callable[[], AbstractContextManager[float]]


class _Presence:
    def __init__(self, broker: MemoryBroker, asked: Asked, session: float, who: tuple[str, str, str, bytes]) -> None:
        self._broker, self._asked, self._session = broker, asked, session
        self._group, self._member, self._boot, self._text = who
        self._came = False

    def prove(self) -> float | None:
        with self._asked() as now:
            members = self._broker.groups.setdefault(self._group, {})
            there = members.get(self._member)
            if self._came and there and there.boot != self._boot:
                return None
            self._came = True
            members[self._member] = Member(self._boot, self._text, now + self._session)
        if there is None or there.until <= now or there.text != self._text:
            self._broker.tell()
        return now + self._session - margin(self._session)

    def leave(self) -> None:
        with self._asked():
            members = self._broker.groups.get(self._group, {})
            there = members.get(self._member)
            if there and there.boot == self._boot:
                del members[self._member]
        self._broker.tell()


class _View:
    def __init__(self, broker: MemoryBroker, asked: Asked, group: str, hint: Callable[[], None] | None) -> None:
        self._broker, self._asked, self._group, self._hint = broker, asked, group, hint
        if hint:
            with broker.lock:
                broker.hints.append(hint)

    def look(self) -> Mapping[str, Info]:
        with self._asked() as now:
            members = self._broker.groups.get(self._group, {})
            return {name: decode(member.text) for name, member in members.items() if member.until > now}

    def close(self) -> None:
        if self._hint:
            with self._broker.lock:
                self._broker.hints.remove(self._hint)


class _Candidacy:
    def __init__(self, broker: MemoryBroker, asked: Asked, session: float, who: tuple[str, str]) -> None:
        self._broker, self._asked, self._session = broker, asked, session
        self._office, self._candidate = who
        self._token = fresh()

    def stand(self) -> Held | None:
        with self._asked() as now:
            last = self._broker.offices.get(self._office, Office())
            ours = last.token == self._token
            if last.until > now and not ours:
                return None
            epoch = last.epoch if ours and last.until > now else last.epoch + 1
            self._broker.offices[self._office] = Office(self._candidate, self._token, epoch, now + self._session)
        return Held(epoch, now + self._session - margin(self._session))

    def resign(self) -> None:
        with self._asked():
            last = self._broker.offices.get(self._office, Office())
            if last.token == self._token:
                self._broker.offices[self._office] = replace(last, until=0.0)
        self._token = fresh()
        self._broker.tell()
