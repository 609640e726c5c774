"""Ids: 26 characters that sort by the time they were made, unique without asking anybody.

The form is ULID's (https://github.com/ulid/spec): 48 bits of milliseconds, 80 random bits,
Crockford base32. Ids of one `Ids` are strictly increasing even within one millisecond.
"""

import os
import threading
from collections.abc import Callable

from common.clock import Clock

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_RANDOM_BITS = 80


class Ids:
    """A source of ids. Safe to call from many threads; never blocks."""

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy
        self._lock = threading.Lock()
        self._last = 0

    def new(self) -> str:
        """One new id, larger than all that this source has given."""
        stamp = int(self._clock.time() * 1000) << _RANDOM_BITS
        fresh = stamp | int.from_bytes(self._entropy(_RANDOM_BITS // 8), "big")
        with self._lock:
            # Within one millisecond, and when the clock steps back, count on from the last one.
            self._last = fresh if fresh >> _RANDOM_BITS > self._last >> _RANDOM_BITS else self._last + 1
            return _text(self._last)

    def batch(self, count: int) -> list[str]:
        """`count` new ids, in rising order."""
        return [self.new() for _ in range(count)]


def _text(value: int) -> str:
    pairs = [_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)]
    return "".join(pairs)
