"""consistent-hash: tasks of one name go to one agent, and few of them to another one when agents come or go."""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence

from common.contracts import Candidate, Candidates
from common.domain.task import Task

POINTS = 64
"""Places of each agent on the ring."""


class ConsistentHash:
    """A ring of hashes: a task goes to the first agent with room at or behind the hash of its name.

    D. Karger et al.: Consistent Hashing and Random Trees, STOC 1997. Where that agent is full the next on the ring
    takes the task, as in V. Mirrokni et al.: Consistent Hashing with Bounded Loads, SODA 2018.
    """

    because = "the first with room on the ring behind the task's name"

    def __init__(self) -> None:
        self._members: Sequence[Candidate] = ()
        self._hashes: list[int] = []
        self._agents: list[str] = []

    def __call__(self, task: Task, candidates: Candidates, /) -> Candidate:
        if candidates.members is not self._members:
            self._build(candidates.members)
        start = bisect_right(self._hashes, _hash(task.spec.name))
        for step in range(len(self._agents)):
            found = candidates.get(self._agents[(start + step) % len(self._agents)])
            if found:
                return found
        return candidates[0]

    def _build(self, members: Sequence[Candidate]) -> None:
        points = sorted((_hash(f"{one.agent}/{number}"), one.agent) for one in members for number in range(POINTS))
        self._members = members
        self._hashes = [point for point, _ in points]
        self._agents = [agent for _, agent in points]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
