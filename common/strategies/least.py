"""Finds the candidate of which a function says the least, without looking at all of them each time."""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from typing import Any, NamedTuple

from common.contracts import Candidate

SLACK = 64
"""Outdated entries that are left alone however few candidates there are."""


class _Entry(NamedTuple):
    said: Any
    number: int
    """No two entries are compared any further."""
    candidate: Candidate


class Least:
    """A heap that is set right where it is looked at: what `by` says may have risen since, never fallen unheard of."""

    def __init__(self, by: Callable[[Candidate], Any], candidates: Iterable[Candidate]) -> None:
        self._by, self._numbers = by, count()
        self._newest: dict[Candidate, int] = {}
        self._heap = [self._entry(candidate) for candidate in candidates]
        heapify(self._heap)

    def heed(self, candidate: Candidate) -> None:
        """Note one that came, that has room again, or of which `by` may say less than before."""
        heappush(self._heap, self._entry(candidate))
        if len(self._heap) > 2 * len(self._newest) + SLACK:
            self._heap = [entry for entry in self._heap if self._current(entry)]
            heapify(self._heap)

    def drop(self, candidate: Candidate) -> None:
        """Forget one that went or is full."""
        self._newest.pop(candidate, None)

    def find(self) -> Candidate:
        """The one of which `by` says the least; raises IndexError where there is none."""
        while True:
            first = self._heap[0]
            if not self._current(first):
                heappop(self._heap)
                continue
            said = self._by(first.candidate)
            # Not `==`: what is equal to nothing, not even to itself, would be looked at for ever.
            if not said > first.said:
                return first.candidate
            heapreplace(self._heap, self._entry(first.candidate, said))

    def _entry(self, candidate: Candidate, said: Any = None) -> _Entry:
        number = self._newest[candidate] = next(self._numbers)
        return _Entry(self._by(candidate) if said is None else said, number, candidate)

    def _current(self, entry: _Entry) -> bool:
        return self._newest.get(entry.candidate) == entry.number
