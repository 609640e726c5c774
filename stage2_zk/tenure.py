"""Tenure: one term of leading, as its duties see it."""

import threading
from collections.abc import Iterable

from common.domain.status import Answer


class Tenure:
    """In whose name and with which epoch the duties of one term act. Safe to share between threads."""

    def __init__(self, scheduler: str, epoch: int) -> None:
        self.by, self.epoch = scheduler, epoch
        self.over = threading.Event()
        """Set where the store has seen a newer term, and whoever acts in this one is refused; or where it must end."""
        self.why = ""

    def heed(self, answers: Iterable[Answer]) -> None:
        """Note what the store answered to a command of this term."""
        if Answer.FENCED in answers:
            self.end("a newer term has begun")

    def end(self, why: str) -> None:
        """Have the leader step down; called more than once, the first reason stays."""
        self.why = self.why or why
        self.over.set()
