"""Looks at tasks batch by batch, makes sure of what it suspects, and mends what is safe to mend."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from redis import Redis

from common.doctor.belongings import Belongings
from common.doctor.facts import Facts, Looker
from common.doctor.places import misplaced
from common.doctor.readable import flaws
from common.doctor.rules import HASHES, HISTORIES, Finding, Tally
from common.domain.status import UNDER_WAY
from common.store.keys import Keys
from common.transports.redis_client import redis_errors

T = TypeVar("T")
BATCH = 100
"""Tasks per look: Redis serves nobody else meanwhile."""
READ_AT_ONCE = 20
"""Tasks that are read as a whole in one round trip; one may be a megabyte."""
DOUBTFUL = "left so, for its hash or its history is in doubt"


class TaskCheck:
    """Checks tasks by their ids. `looked` counts those that there were, `read` those that were read as a whole.

    Of every `stride` tasks one is read as a whole, with its history, and all that are under way. A breach
    counts only if two looks saw it. Raises Unavailable.
    """

    def __init__(self, redis: Redis, keys: Keys, tally: Tally, *, repair: bool) -> None:
        self._redis, self._keys, self._tally, self._repair = redis, keys, tally, repair
        self.stride = 1
        self._looker, self._belongings = Looker(redis, keys), Belongings(redis, keys)
        self.looked = 0
        self.read = 0
        self._met = 0

    def check(self, task_ids: Sequence[str]) -> None:
        """Look at these, and note what is wrong with them."""
        if not task_ids:
            return
        facts, found = self._look(task_ids, self._in_sample)
        self.looked += sum(one.there for one in facts)
        suspects = list(dict.fromkeys(finding.subject for finding in found))
        for part in batches(suspects, BATCH):
            _, found = self._look(part, _always)
            facts, again = self._look(part, _always)
            before = {finding.place for finding in found}
            self._settle(facts, [finding for finding in again if finding.place in before])

    def _settle(self, facts: Sequence[Facts], findings: Sequence[Finding]) -> None:
        # The hash is the truth only where nothing speaks against it: a status that somebody wrote there by hand
        # would let a task run that runs already.
        doubtful = {finding.subject for finding in findings if finding.rule in (HASHES, HISTORIES)}
        suspects = {finding.subject for finding in findings} - doubtful
        done = self._mend([one for one in facts if one.task_id in suspects]) if self._repair else {}
        left = self._left(done)
        for finding in findings:
            if done.get(finding.subject) and finding.place not in left:
                self._tally.repaired(finding, done[finding.subject])
            elif self._repair and finding.rule.repair and finding.subject in doubtful:
                self._tally.add(replace(finding, seen=f"{finding.seen}; {DOUBTFUL}"))
            else:
                self._tally.add(finding)

    def _mend(self, tasks: Sequence[Facts]) -> dict[str, str]:
        """Set right what is safe; returns what was done, by task."""
        done = self._looker.mend(tasks) if tasks else []
        return {one.task_id: words for one, words in zip(tasks, done, strict=True) if words}

    def _left(self, mended: Mapping[str, str]) -> set[tuple[str, str]]:
        """The breaches that these still have."""
        return {finding.place for finding in self._look(list(mended), _always)[1]} if mended else set()

    def _look(self, task_ids: Sequence[str], read: Callable[[Facts], bool]) -> tuple[list[Facts], list[Finding]]:
        """One look at each; `read` says which of them to read as a whole."""
        facts = self._looker.look(task_ids)
        found = [finding for one in facts for finding in misplaced(one, self._keys)]
        found += self._belongings.requests_of(facts)
        found += self._flaws([one.task_id for one in facts if one.type == "hash" and read(one)])
        return facts, found

    def _flaws(self, task_ids: Sequence[str]) -> Iterator[Finding]:
        for part in batches(task_ids, READ_AT_ONCE):
            # Hash and history at one moment.
            with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
                for task_id in part:
                    pipe.hgetall(self._keys.task(task_id))
                    pipe.lrange(self._keys.history(task_id), 0, -1)
                answers = pipe.execute(raise_on_error=False)
            for task_id, fields, history in zip(part, answers[::2], answers[1::2], strict=True):
                yield from flaws(task_id, fields, history)

    def _in_sample(self, facts: Facts) -> bool:
        self._met += 1
        chosen = facts.status in UNDER_WAY or self._met % self.stride == 0
        self.read += chosen
        return chosen


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items, so many at a time."""
    remaining = iter(items)
    while part := list(islice(remaining, size)):
        yield part


def _always(_: Facts) -> bool:
    return True
