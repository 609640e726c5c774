"""least-load: the agent that holds the fewest tasks for each of its slots."""

from typing import Any

from common.contracts import Candidate, Candidates
from common.domain.task import Task


class LeastLoad:
    """Of equally loaded ones that whose machine is less busy, where heartbeats tell; then they take turns."""

    because = "load {held}/{slots}, the lowest"

    def __call__(self, task: Task, candidates: Candidates, /) -> Candidate:
        return candidates.least(_load)


def _load(candidate: Candidate) -> Any:
    return candidate.load, candidate.busy, candidate.turn
