"""Lives: what the store says of tasks, read in small steps that hold nobody up."""

from collections.abc import Iterable, Iterator, Sequence

from redis import Redis

from common.doctor.history.records import Life, Standing, entries_of
from common.doctor.history.waits import Agents
from common.doctor.tasks import batches
from common.doctor.walking import members
from common.domain.status import Status
from common.store.keys import Keys
from common.store.reading import TaskReader
from common.transports.redis_client import redis_errors

BATCH = 50
"""Tasks that are read in one round trip, each hash and its history at one moment: a millisecond of the server."""
_FIELDS = ("status", "attempt", "retries", "requestId", "agent", "boot", "dueAt", "waiting")


class Lives:
    """Reads them. Raises Unavailable."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys

    def count(self) -> int:
        """About how many tasks there are."""
        with redis_errors():
            return int(self._redis.zcard(self._keys.all))

    def all(self) -> Iterator[Life]:
        """Every task that there is, each once; those that come meanwhile may be missed."""
        seen: set[str] = set()
        for found in members(self._redis, self._keys.all, BATCH):
            fresh = [task_id for task_id in found if task_id not in seen]
            seen.update(fresh)
            yield from self.of(fresh)

    def of(self, task_ids: Iterable[str]) -> Iterator[Life]:
        """Those of these ids; of one that is not there its standing is None."""
        for part in batches(task_ids, BATCH):
            yield from self._read(part)

    def agents(self) -> Agents:
        """Who could run tasks now."""
        reader = TaskReader(self._redis, self._keys)
        leases, shut = reader.leases(reader.agents()), reader.shut()
        boots = {agent: lease.get("boot", "") for agent, lease in leases.items()}
        slots = {agent: _whole(lease.get("slots", "")) for agent, lease in leases.items() if lease}
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for agent in slots:
                pipe.zcard(self._keys.held_tasks(agent))
            held = dict(zip(slots, pipe.execute(), strict=True))
        return Agents(boots, sum(max(0, slots[agent] - held[agent]) for agent in slots if agent not in shut), slots)

    def now(self) -> float:
        """By the clock of the store, whose stamps histories have."""
        with redis_errors():
            seconds, micros = self._redis.time()
        return float(seconds) + float(micros) / 1e6

    def _read(self, task_ids: Sequence[str]) -> Iterator[Life]:
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            for task_id in task_ids:
                pipe.hmget(self._keys.task(task_id), *_FIELDS)
                pipe.lrange(self._keys.history(task_id), 0, -1)
            answers = pipe.execute(raise_on_error=False)
        for task_id, fields, texts in zip(task_ids, answers[::2], answers[1::2], strict=True):
            yield life_of(task_id, fields, texts)


def life_of(task_id: str, fields: Sequence[str | None] | Exception, texts: Sequence[str] | Exception) -> Life:
    """One task's life of what was read: its hash's _FIELDS, and its history."""
    try:
        return Life(task_id, _standing(fields), entries_of(texts))
    except ValueError as error:
        return Life(task_id, None, unreadable=str(error))


def _standing(fields: Sequence[str | None] | Exception) -> Standing | None:
    if isinstance(fields, Exception):
        raise ValueError("its key holds no hash")  # noqa: TRY004
    status, attempt, retries, *texts = fields
    if status is None:
        return None
    return Standing(Status(status), int(attempt or 0), int(retries or 0), *(text or "" for text in texts))


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() else 0
