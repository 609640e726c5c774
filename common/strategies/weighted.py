"""weighted: each agent gets a share of the tasks as large as its weight (DTS_WEIGHT), beside the others'."""

from weakref import WeakKeyDictionary

from common.contracts import Candidate, Candidates
from common.domain.task import Task


class Weighted:
    """Stride scheduling: a choice moves an agent's mark on by 1 / weight, and the lowest mark is next.

    C. A. Waldspurger, W. E. Weihl: Stride Scheduling, MIT/LCS/TM-528, 1995. One that comes later, or had no room
    for a while, begins at the mark of the others: it is not flooded to make up for what it missed.
    """

    because = "weight {weight:g}: its share is due"

    def __init__(self) -> None:
        self._marks: WeakKeyDictionary[Candidate, float] = WeakKeyDictionary()
        self._now = 0.0

    def __call__(self, task: Task, candidates: Candidates, /) -> Candidate:
        chosen = candidates.least(self._mark)
        self._now = self._mark(chosen)
        self._marks[chosen] = self._now + 1 / chosen.weight
        return chosen

    def _mark(self, candidate: Candidate) -> float:
        return max(self._marks.get(candidate, 0.0), self._now - 1 / candidate.weight)
