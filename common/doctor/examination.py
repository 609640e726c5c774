"""The examination of a store: everything that stands in it is looked at once, and what is suspected twice."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from redis import Redis

from common.clock import Clock
from common.doctor.counting import counted
from common.doctor.holdings import Holdings
from common.doctor.keys_check import KeyCheck
from common.doctor.keyspace import KeySpace, Kind
from common.doctor.rules import AGENTS, OVERDUE, Finding, Tally
from common.doctor.standing import GRACE, Standing
from common.doctor.tasks import BATCH, TaskCheck, batches
from common.doctor.walking import members, names
from common.store.tasks import TaskStore
from common.store.writing import BATCH as PROMOTED_AT_ONCE
from common.transports.redis_client import redis_errors

SAMPLE = 5000
"""Tasks that are read as a whole, where not all of them are asked for."""
BY = "doctor"


@dataclass(frozen=True, slots=True)
class Care:
    """How far an examination goes. `retention` is how long final tasks are kept, in seconds."""

    retention: float
    repair: bool = False
    """Whether what is safe is set right."""
    everything: bool = False
    """Whether every task is read as a whole, with its history; else about SAMPLE of them."""


class Examination:
    """One examination. What is found stands in `tally`, from the first finding on; `finished` tells if that is all.

    It may run while the system works. It blocks for a minute or two for a million tasks, and for GRACE more
    where something stands still. `told` is called now and then with what is being done. Raises Unavailable.
    """

    def __init__(
        self,
        store: TaskStore,
        redis: Redis,
        clock: Clock,
        care: Care,
        told: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.tally = Tally()
        self.finished = False
        self._store, self._redis, self._keys = store, redis, store.keys
        self._clock, self._care, self._told = clock, care, told
        self._space = KeySpace(self._keys)
        self._key_check = KeyCheck(redis, self._keys, self.tally)
        self._holdings = Holdings(store, redis, self.tally, repair=care.repair)
        self._task_check = TaskCheck(redis, self._keys, self.tally, repair=care.repair)

    @property
    def looked(self) -> int:
        """Tasks that were there and were looked at."""
        return self._task_check.looked

    @property
    def read(self) -> int:
        """Those of them that were read as a whole, with their histories."""
        return self._task_check.read

    @property
    def repairs(self) -> bool:
        """Whether it sets right what is safe."""
        return self._care.repair

    @property
    def agents(self) -> list[str]:
        """Agents that hold a lease."""
        return sorted(self._key_check.agents)

    def run(self) -> None:
        """Look at everything; stops early where a key that all depends on holds something else."""
        if "zset" in self._key_check.wrong_types(self._space.types).values():
            return
        self._walk_keys()
        self._walk_members()
        self._key_check.note_foreign(self._space)
        if not self.agents:
            self.tally.add(Finding(AGENTS, self._keys.agent("*"), "nobody holds a lease"))
        for finding in counted(self._redis, self._keys, self._care.retention):
            self.tally.add(finding)
        self._look_for_what_stands()
        self.finished = True

    def _walk_keys(self) -> None:
        with redis_errors():
            expected = self._redis.zcard(self._keys.all)
        self._task_check.stride = 1 if self._care.everything else max(1, ceil(expected / SAMPLE))
        for found in names(self._redis, self._space.pattern):
            keys = [self._space.read(name) for name in found]
            for part in batches((key.of for key in keys if key.kind is Kind.TASK), BATCH):
                self._task_check.check(part)
            self._key_check.check(key for key in keys if key.kind is not Kind.TASK)
            self._holdings.check(key.of for key in keys if key.kind is Kind.HOLDING)
            self._told(f"looking at tasks: {self.looked} of about {expected} …")

    def _walk_members(self) -> None:
        for key in (name for name, kind in self._space.types.items() if kind == "zset"):
            self._told(f"looking at {key} …")
            for ids in members(self._redis, key, BATCH):
                # Those that have a hash were met among the keys.
                self._task_check.check(self._without_hash(ids))

    def _without_hash(self, task_ids: Sequence[str]) -> list[str]:
        tasks = [self._keys.task(task_id) for task_id in task_ids]
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            if not tasks or self._redis.exists(*tasks) == len(tasks):
                return []
            for task in tasks:
                pipe.exists(task)
            answers = pipe.execute()
        return [task_id for task_id, there in zip(task_ids, answers, strict=True) if not there]

    def _look_for_what_stands(self) -> None:
        standing = Standing(self._redis, self._keys, self._key_check.agents, self._key_check.consumers)
        suspected = standing.look()
        if not suspected:
            return
        self._told(f"waiting {GRACE:g} s, to see whether what stands still moves …")
        self._clock.wait(threading.Event(), GRACE)
        breaches = left = suspected & standing.look()
        if self._care.repair and any(finding.rule is OVERDUE for finding in breaches):
            while self._store.promote(BY) == PROMOTED_AT_ONCE:
                pass
            left = standing.look()
        for finding in sorted(breaches, key=lambda finding: finding.place):
            if finding in left:
                self.tally.add(finding)
            elif finding.rule is OVERDUE:
                self.tally.repaired(finding, f"put into {self._keys.pending}")
