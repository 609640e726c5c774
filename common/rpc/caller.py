"""Caller: calls of a service, whoever of its providers answers them."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.clock import Clock
from common.domain.errors import Unanswered, Unavailable
from common.rpc.envelope import Leaving

IDLE = 64
"""Connections to one provider that are kept while nobody uses them."""
TRIES = 3
"""Providers that are asked for one call, at most."""
FIRST_DOUBT, LONGEST_DOUBT = 0.5, 15.0
"""Seconds for which a provider that failed is asked last; twice as long each time it fails again."""

log = logging.getLogger("dts.rpc")


class Connected(Protocol):
    """A line to one provider (common.rpc.line)."""

    @property
    def address(self) -> str: ...
    @property
    def usable(self) -> bool: ...
    def call(self, method: str, arguments: dict[str, Any], within: float) -> Any: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class _Provider:
    idle: list[Connected] = field(default_factory=list)
    busy: int = 0
    """Calls under way."""
    doubted_until: float = 0.0
    doubt: float = FIRST_DOUBT


class Caller:
    """Safe to use from many threads, each of which has a connection of its own while it calls.

    `providers` tells who answers now, `dial` connects to one. The one with the fewest calls under way is asked; of
    equals each in turn; who failed lately comes last.
    """

    def __init__(
        self, providers: Callable[[], Sequence[str]], dial: Callable[[str], Connected], within: float, clock: Clock
    ) -> None:
        self._providers, self._dial, self._within, self._clock = providers, dial, within, clock
        self._lock = threading.Lock()
        self._known: defaultdict[str, _Provider] = defaultdict(_Provider)
        self._turn = 0
        self._closed = False

    def call(self, method: str, arguments: dict[str, Any], *, again: bool) -> Any:
        """The value that one of the providers answers; blocks for a few times the time that an answer may take.

        `again`: whether the call may be made twice; only then another is asked where the answer of the first is lost.
        Raises the error that the provider tells; Unavailable where none can be reached; Unanswered.
        """
        trouble: Unavailable | None = None
        for address in self._order()[:TRIES]:
            try:
                return self._call(address, method, arguments)
            except _Elsewhere as elsewhere:
                if isinstance(elsewhere.error, Unanswered) and not again:
                    raise elsewhere.error from elsewhere
                # What may have happened is not undone by the next one's being away.
                if not isinstance(trouble, Unanswered):
                    trouble = elsewhere.error
        raise trouble or Unavailable("no task-manager is registered; start one: python -m stage4_api manager")

    def close(self) -> None:
        """Close all connections; those in use when their calls are over."""
        with self._lock:
            self._closed = True
            idle = [line for provider in self._known.values() for line in provider.idle]
            self._known.clear()
        for line in idle:
            line.close()

    def _call(self, address: str, method: str, arguments: dict[str, Any]) -> Any:
        """Raises _Elsewhere where another provider may do better."""
        with self._lock:
            self._known[address].busy += 1
        try:
            try:
                line = self._line(address)
            except Unavailable as error:
                self._doubt(address, error)
                raise _Elsewhere(error) from error
            return self._asked(line, method, arguments)
        finally:
            with self._lock:
                self._known[address].busy -= 1

    def _asked(self, line: Connected, method: str, arguments: dict[str, Any]) -> Any:
        sound = False
        try:
            value = line.call(method, arguments, self._within)
            sound = True
            return value
        except Leaving as error:
            raise _Elsewhere(error) from error
        except Unanswered as error:
            # Its own, or one that the provider tells of its store: then the connection is as good as before,
            # which the next one who takes it will see. It is the call that another may know more of.
            self._doubt(line.address, error)
            raise _Elsewhere(error) from error
        except Exception:
            # An error that the provider told: it is well.
            sound = True
            raise
        finally:
            self._give_back(line) if sound else line.close()

    def _line(self, address: str) -> Connected:
        while True:
            with self._lock:
                idle = self._known[address].idle
                line = idle.pop() if idle else None
            if line is None:
                return self._dial(address)
            if line.usable:
                return line
            line.close()

    def _give_back(self, line: Connected) -> None:
        with self._lock:
            provider = self._known[line.address]
            provider.doubt, provider.doubted_until = FIRST_DOUBT, 0.0
            keep = not self._closed and len(provider.idle) < IDLE
            if keep:
                provider.idle.append(line)
        if not keep:
            line.close()

    def _doubt(self, address: str, error: Unavailable) -> None:
        with self._lock:
            provider = self._known[address]
            first = provider.doubt == FIRST_DOUBT
            provider.doubted_until = self._clock.monotonic() + provider.doubt
            provider.doubt = min(2 * provider.doubt, LONGEST_DOUBT)
            idle, provider.idle = provider.idle, []
        for line in idle:
            line.close()
        if first:
            log.warning("%s; others are asked first", error)

    def _order(self) -> list[str]:
        addresses = self._providers()
        now = self._clock.monotonic()
        with self._lock:
            self._turn += 1
            turned = [
                *addresses[self._turn % max(1, len(addresses)) :],
                *addresses[: self._turn % max(1, len(addresses))],
            ]
            known = {address: self._known[address] for address in turned}
            self._forget(set(turned))
        return sorted(turned, key=lambda one: (known[one].doubted_until > now, known[one].busy))

    def _forget(self, present: set[str]) -> None:
        """Those that are gone for good, and whose calls are over."""
        for address in [one for one, known in self._known.items() if one not in present and not known.busy]:
            for line in self._known.pop(address).idle:
                line.close()


class _Elsewhere(Exception):
    def __init__(self, error: Unavailable) -> None:
        self.error = error
