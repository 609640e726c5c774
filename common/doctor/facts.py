"""Facts about tasks, seen in one moment each; and the one act that sets right what stands beside their hashes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from redis import Redis

from common.domain.status import Status
from common.store.keys import Keys
from common.store.scripts import Scripts

BY = "doctor"
NONE = "none"
"""The type of a key that is not there, as Redis names it."""
_STATUSES = {str(status): status for status in Status}


class Fields(NamedTuple):
    """What a task's hash says, as it stands there."""

    status: str
    attempt: str
    agent: str
    boot: str
    request_id: str
    created_at: str
    updated_at: str
    cancel_requested: str
    started_at: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Where a task stands and what its hash says of it; a field that is missing is ''."""

    task_id: str
    type: str
    """Of its key in Redis."""
    fields: Fields
    places: frozenset[str]
    """The sorted sets that have its id."""
    expiring: frozenset[str]
    """Those of its keys that have a TTL."""

    @property
    def there(self) -> bool:
        return self.type != NONE

    @property
    def status(self) -> Status | None:
        """None where its hash has no status that there is."""
        return _STATUSES.get(self.fields.status)


class Looker:
    """Looks at tasks and mends their places, a batch in one round trip. Raises Unavailable."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._keys = keys
        self._scripts = Scripts(redis, keys)

    def look(self, task_ids: Sequence[str]) -> list[Facts]:
        """The facts about these, in the order asked for."""
        keys = self._keys
        own = [key for task_id in task_ids for key in (keys.task(task_id), keys.history(task_id))]
        shared = [keys.all, keys.pending, keys.delayed, keys.agent(""), keys.cancelling, keys.expiring]
        answers = self._scripts.call("look", BY, [*shared, *own], task_ids)
        return [
            Facts(task_id, kind, Fields(*fields), frozenset(places), frozenset(expiring))
            for task_id, (kind, fields, places, expiring) in zip(task_ids, answers, strict=True)
        ]

    def mend(self, tasks: Sequence[Facts]) -> list[str]:
        """Set right what stands beside their hashes, where they are still as seen; says of each what was done."""
        keys = self._keys
        own: list[str] = []
        args: list[str] = []
        for facts in tasks:
            task = keys.task(facts.task_id)
            said = facts.fields
            own += [task, keys.history(facts.task_id), keys.request(said.request_id) if said.request_id else task]
            args += [facts.task_id, said.status, said.updated_at, said.request_id]
            args += [_ms(said.created_at), _ms(said.updated_at)]
        queues = [keys.pending, keys.delayed, keys.bell]
        shared = [keys.all, *queues, keys.agent(""), keys.cancelling, keys.expiring]
        answers = self._scripts.call("mend", BY, [*shared, *own], args)
        return ["; ".join(done) for done in answers]


def _ms(stamp: str) -> str:
    """A time as the indexes score it; '' where it can't be read, and Redis' own time is taken."""
    try:
        return str(round(datetime.fromisoformat(stamp).timestamp() * 1000))
    except (ValueError, OverflowError):
        return ""
