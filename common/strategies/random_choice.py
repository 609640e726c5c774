"""random: any agent that has room, each as likely as the others."""

import random

from common.contracts import Candidate, Candidates
from common.domain.task import Task


class Random:
    """Needs no memory, and schedulers that know nothing of each other choose well enough by it."""

    because = "drawn among those that have room"

    def __init__(self, source: random.Random | None = None) -> None:
        self._source = source or random.Random()

    def __call__(self, task: Task, candidates: Candidates, /) -> Candidate:
        return candidates[self._source.randrange(len(candidates))]
