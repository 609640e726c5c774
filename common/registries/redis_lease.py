"""A registry of leases in Redis: whoever does not renew in time is gone, and leads no more.

All times are Redis' own; what a holder may trust is counted on its own clock, from before it asked, less a margin.
A channel only makes watchers look sooner.
"""

from collections.abc import Callable, Mapping
from typing import Any

from redis import Redis

from common.clock import Clock
from common.contracts import Info
from common.domain.status import Answer
from common.registries.campaign import Candidacy, Held
from common.registries.info import decode
from common.registries.kept import KeptRegistry, fresh
from common.registries.lost import margin
from common.registries.presence import Presence
from common.registries.repeating import Repeating
from common.registries.watching import View
from common.store.keys import Keys
from common.store.scripts import Scripts
from common.transports.redis_client import redis_errors

LISTEN = 0.3
"""Seconds that one step listens, so that a stop is seen soon."""


class RedisLeaseRegistry(KeptRegistry):
    """The registry in one Redis. `redis` is an ordinary client, for this registry alone: it is closed in the end."""

    def __init__(self, redis: Redis, keys: Keys, session: float, clock: Clock) -> None:
        super().__init__(session, clock)
        self._redis, self._keys = redis, keys
        self._scripts = Scripts(redis, keys)

    def leader(self, office: str) -> tuple[str, int] | None:
        candidate, epoch = self._scripts.call("leader", "", [self._keys.office(office)], [])
        return (str(candidate), int(epoch)) if int(epoch) else None

    def _presence(self, group: str, member: str, boot: str, text: bytes) -> Presence:
        return _Presence(self._lease(member), self._keys.registry(group), boot, text)

    def _view(self, group: str, hint: Callable[[], None] | None) -> View:
        keys = self._keys.registry(group)
        hints = _Hints(self._redis, keys[-1], hint).listening(self._clock) if hint else None
        return _View(self._scripts, keys, hints)

    def _candidacy(self, office: str, candidate: str, hint: Callable[[], None]) -> Candidacy:
        return _Candidacy(self._lease(candidate), [self._keys.office(office)])

    def _lease(self, by: str) -> "_Lease":
        return _Lease(self._scripts, by, self._session, self._clock)

    def _disconnect(self) -> None:
        self._redis.close()


class _Lease:
    """Asks, for one asker, for what lasts a session, and says until when that may be trusted."""

    def __init__(self, scripts: Scripts, by: str, session: float, clock: Clock) -> None:
        self._scripts, self._by = scripts, by
        self._session, self._clock = session, clock

    def take(self, script: str, keys: list[str], args: list[str | bytes]) -> tuple[Any, float]:
        """What the script answers, and until when that holds for certain."""
        sent = self._clock.monotonic()
        answer = self._scripts.call(script, self._by, keys, [int(self._session * 1000), *args])
        return answer, sent + self._session - margin(self._session)

    def give_back(self, script: str, keys: list[str], token: str) -> None:
        self._scripts.call(script, self._by, keys, [token])


class _Presence:
    def __init__(self, lease: _Lease, keys: list[str], boot: str, text: bytes) -> None:
        self._lease, self._keys = lease, keys
        self._boot, self._text = boot, text
        self._came = False

    def prove(self) -> float | None:
        mode = "again" if self._came else "new"
        answer, until = self._lease.take("register", self._keys, [self._boot, self._text, mode])
        self._came = True
        return None if answer == Answer.FENCED else until

    def leave(self) -> None:
        self._lease.give_back("unregister", self._keys, self._boot)


class _View:
    def __init__(self, scripts: Scripts, keys: list[str], hints: Repeating | None) -> None:
        self._scripts, self._keys, self._hints = scripts, keys, hints
        self._decoded: dict[str, Info] = {}
        """By its text: most members say the same the next time."""

    def look(self) -> Mapping[str, Info]:
        flat = [str(part) for part in self._scripts.call("members", "", self._keys, [])]
        texts = dict(zip(flat[::2], flat[1::2], strict=True))
        self._decoded = {text: self._decoded.get(text) or decode(text) for text in texts.values()}
        return {member: self._decoded[text] for member, text in texts.items()}

    def close(self) -> None:
        if self._hints:
            self._hints.end()
            self._hints.join(LISTEN + 1)


class _Hints:
    """Listens on a channel in a thread of its own; what it misses, the next look finds."""

    def __init__(self, redis: Redis, channel: str, hint: Callable[[], None]) -> None:
        self._channel, self._hint = channel, hint
        self._listening = redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]

    def listening(self, clock: Clock) -> Repeating:
        loop = Repeating(f"hints on {self._channel}", self._step, self._listening.close, clock)
        loop.start()
        return loop

    def _step(self) -> float:
        with redis_errors():
            if not self._listening.subscribed:
                self._listening.subscribe(self._channel)
            if self._listening.get_message(timeout=LISTEN):
                self._hint()
        return 0


class _Candidacy:
    def __init__(self, lease: _Lease, keys: list[str]) -> None:
        self._lease, self._keys = lease, keys
        self._token = fresh()

    def stand(self) -> Held | None:
        epoch, until = self._lease.take("stand", self._keys, [self._token])
        return Held(int(epoch), until) if int(epoch) else None

    def resign(self) -> None:
        self._lease.give_back("resign", self._keys, self._token)
        self._token = fresh()
