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
_LAST = 1023
"""The bits of the last two letters."""


class Ids:
    """A source of ids. Safe to call from many threads; never blocks."""

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy
        self._lock = threading.Lock()
        self._last = 0

    def new(self) -> str:
        """One new id, larger than all that this source has given."""
        return _text(self._next(1))

    def batch(self, count: int) -> list[str]:
        """`count` new ids, in rising order."""
        first = self._next(count)
        ids = []
        shared = ""
        for value in range(first, first + count):
            # All but the last two letters are those of the one before, a thousand times in a row.
            shared = shared if shared and value & _LAST else _text(value)[:-2]
            ids.append(shared + _PAIRS[value & _LAST])
        return ids

    def _next(self, count: int) -> int:
        """The first of so many values in a row that nobody else gets."""
        stamp = int(self._clock.time() * 1000) << _RANDOM_BITS
        fresh = stamp | int.from_bytes(self._entropy(_RANDOM_BITS // 8), "big")
        with self._lock:
            # Within one millisecond, and when the clock steps back, count on from the last one.
            first = fresh if fresh >> _RANDOM_BITS > self._last >> _RANDOM_BITS else self._last + 1
            self._last = first + count - 1
            return first


def _text(value: int) -> str:
    pairs = [_PAIRS[(value >> shift) & _LAST] for shift in range(120, -1, -10)]
    return "".join(pairs)
