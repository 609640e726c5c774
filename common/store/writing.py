"""Writing: what every verb of a task is made with: one script for a batch, one round trip for so many tasks."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeVar

from redis import Redis

from common.domain.status import Answer
from common.store.keys import Keys
from common.store.reading import TaskReader
from common.store.scripts import Scripts

T = TypeVar("T")
Witness = Callable[[str, Sequence[Any]], object]
"""Told of each script that ran on a batch: its name and what it answered, one for each item, as its header says."""

BATCH = 200
"""Tasks per script call: Redis serves nobody else while a script runs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that the store keeps; seconds, counts."""

    pending: int = 1_000_000
    """How many tasks may wait; further ones are answered FULL."""
    lost: int = 3
    """How many agents may be lost with one task before it is given up."""
    longest_backoff: float = 300.0
    """The longest wait before a retry, where its task does not say."""
    retention: float = 7 * 86_400.0
    """How long a final task stays, its history, logs and requestId with it."""


class TaskWriter(TaskReader):
    """A reader that can also call the scripts. Safe to share between threads."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys | None = None,
        limits: Limits | None = None,
        jitter: Callable[[], float] = random.random,
        witness: Witness | None = None,
    ) -> None:
        """`witness` is called in the thread that asked, and must return soon."""
        super().__init__(redis, keys)
        self._witness = witness
        self._scripts = Scripts(redis, self.keys)
        self._limits = limits or Limits()
        self._jitter = jitter

    def _own(self, task_id: str) -> list[str]:
        return [self.keys.task(task_id), self.keys.history(task_id)]

    def _queues(self) -> list[str]:
        return [self.keys.delayed, self.keys.pending, self.keys.bell, self.keys.task_prefix]

    def _batch(
        self,
        name: str,
        by: str,
        shared_keys: list[str],
        shared_args: list[Any],
        items: Iterable[tuple[list[str], list[Any]]],
    ) -> list[Any]:
        answers: list[Any] = []
        for part in _parts(items, BATCH):
            keys = chain(shared_keys, *(own_keys for own_keys, _ in part))
            args = chain(shared_args, *(own_args for _, own_args in part))
            told = self._scripts.call(name, by, list(keys), list(args))
            if self._witness:
                self._witness(name, told)
            answers += told
        return answers


def answers_of(texts: Iterable[str]) -> list[Answer]:
    """What scripts answer, one for each item."""
    return [Answer(text) for text in texts]


def milliseconds(seconds: float) -> int:
    """As scripts take times."""
    return max(0, int(seconds * 1000))


def epoch_of(epoch: int) -> str:
    """As scripts take a leader's term; '' where no leader asks."""
    return str(epoch) if epoch else ""


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while part := list(islice(remaining, size)):
        yield part
