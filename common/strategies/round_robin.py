"""round-robin: the agents in turn, in the order of their ids."""

from bisect import bisect_right

from common.contracts import Candidate, Candidates
from common.domain.task import Task


class RoundRobin:
    """Goes on behind the agent that it chose last, also where agents came or went since."""

    because = "the next in turn"

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, task: Task, candidates: Candidates, /) -> Candidate:
        place = bisect_right(_Ids(candidates), self._last)
        chosen = candidates[place if place < len(candidates) else 0]
        self._last = chosen.agent
        return chosen


class _Ids:
    """The ids of candidates, to be searched."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def __len__(self) -> int:
        return len(self._candidates)

    def __getitem__(self, index: int) -> str:
        return self._candidates[index].agent
