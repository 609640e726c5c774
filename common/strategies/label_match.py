"""label-match: of the agents with the labels asked for, the one that has the fewest others."""

from typing import Any

from common.contracts import Candidate, Candidates
from common.domain.task import Task


class LabelMatch:
    """Keeps agents that can do special things free for the tasks that ask for them; of equals the least loaded.

    That an agent has the labels that a task asks for is not a matter of strategy: others are never candidates.
    """

    because = "the closest match of labels; load {held}/{slots}"

    def __call__(self, task: Task, candidates: Candidates, /) -> Candidate:
        return candidates.least(_special)


def _special(candidate: Candidate) -> Any:
    return len(candidate.labels), candidate.load, candidate.turn
