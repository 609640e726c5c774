"""Looks at every key that is not a task's hash: does it belong to something, and is it of its kind?"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from redis import Redis

from common.doctor.belongings import Belongings
from common.doctor.keyspace import Key, KeySpace, Kind
from common.doctor.rules import FOREIGN, KINDS, Finding, Tally
from common.store.keys import Keys
from common.transports.redis_client import redis_errors

EXAMPLES = 5
"""Foreign keys that are named."""
_TYPES = {
    Kind.LEASE: "hash",
    Kind.HOLDING: "zset",
    Kind.MOVING: "list",
    Kind.HELD: "hash",
    Kind.MEMBERS: "zset",
    Kind.INFOS: "hash",
    Kind.OFFICE: "hash",
}


class KeyCheck:
    """Checks keys batch by batch; `agents` and `consumers` are those that were met. Raises Unavailable."""

    def __init__(self, redis: Redis, keys: Keys, tally: Tally) -> None:
        self._redis, self._tally = redis, tally
        self._belongings = Belongings(redis, keys)
        self._foreign: list[str] = []
        self._foreign_count = 0
        self.agents: set[str] = set()
        self.consumers: set[str] = set()

    def check(self, keys: Iterable[Key]) -> None:
        """Look at these, and note what is wrong with them."""
        by_kind: dict[Kind, list[Key]] = defaultdict(list)
        for key in keys:
            by_kind[key.kind].append(key)
        self._twice(self._belongings.leftovers, by_kind[Kind.HISTORY] + by_kind[Kind.LOG])
        self._twice(self._belongings.tasks_of, by_kind[Kind.REQUEST])
        self._meet([key for kind in _TYPES for key in by_kind[kind]])
        self._foreign_count += len(by_kind[Kind.FOREIGN])
        self._foreign += [key.name for key in by_kind[Kind.FOREIGN][: EXAMPLES - len(self._foreign)]]

    def wrong_types(self, expected: Mapping[str, str]) -> dict[str, str]:
        """Note which of these keys hold something else, and return those with what they should be."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for key in expected:
                pipe.type(key)
            types = dict(zip(expected, pipe.execute(), strict=True))
        wrong = {key: kind for key, kind in expected.items() if types[key] not in (kind, "none")}
        for key, kind in wrong.items():
            self._tally.add(Finding(KINDS, key, f"holds a {types[key]}, not a {kind}"))
        return wrong

    def note_foreign(self, space: KeySpace) -> None:
        """Note how many keys were none of dts', once all are through."""
        if self._foreign_count:
            some = ", ".join(self._foreign) + (", …" if self._foreign_count > len(self._foreign) else "")
            self._tally.add(Finding(FOREIGN, space.pattern, f"{self._foreign_count} of others: {some}"))

    def _twice(self, look: Callable[[Sequence[Key]], Iterable[Finding]], keys: Sequence[Key]) -> None:
        suspects = {finding.subject for finding in look(keys)}
        for finding in look([key for key in keys if key.name in suspects]):
            self._tally.add(finding)

    def _meet(self, keys: Sequence[Key]) -> None:
        wrong = self.wrong_types({key.name: _TYPES[key.kind] for key in keys})
        met = {Kind.LEASE: self.agents, Kind.MOVING: self.consumers, Kind.HELD: self.consumers}
        for key in keys:
            if key.name not in wrong and key.kind in met:
                met[key.kind].add(key.of)
