"""Upkeep: what has to be looked at from time to time, whoever does it."""

from collections.abc import Iterator, Sequence

from common.domain.status import Status
from common.store.writing import BATCH, TaskWriter
from common.transports.redis_client import redis_errors


class Upkeep(TaskWriter):
    """The verbs of scans."""

    def promote(self, by: str, limit: int = BATCH) -> int:
        """Make tasks ready whose wait, for their time or for a retry, is over; returns how many."""
        return int(self._scripts.call("promote", by, self._queues(), [limit]))

    def expire(self, by: str, limit: int = BATCH) -> tuple[int, int]:
        """PENDING -> FAILED, of up to `limit` tasks that should have started by now.

        Returns how many were ended, and how many were looked at. What is with an agent is looked at again.
        """
        keys = [self.keys.expiring, self.keys.pending, self.keys.delayed, self.keys.task_prefix]
        ended, looked = self._scripts.call("expire", by, keys, [limit])
        return int(ended), int(looked)

    def enqueue(self, by: str, first: int = 0, limit: int = BATCH) -> tuple[int, int]:
        """Put PENDING tasks that stand in no queue back into one; looks at `limit` from rank `first` on.

        Returns how many were put back, and how many were looked at.
        """
        back, looked = self._scripts.call("enqueue", by, self._queues(), [first, limit])
        return int(back), int(looked)

    def tidy(self, agent: str, task_ids: Sequence[str], by: str) -> int:
        """Take those of these off the agent's list that are not with it; returns how many."""
        keys = [self.keys.held_tasks(agent), *map(self.keys.task, task_ids)]
        return int(self._scripts.call("tidy", by, keys, [agent, *task_ids])) if task_ids else 0

    def purge(self, by: str, limit: int = BATCH) -> int:
        """Remove up to `limit` final tasks of each status whose retention is over; returns how many."""
        with redis_errors():
            seconds, _ = self._redis.time()
        before = int((seconds - self._limits.retention) * 1000)
        return sum(self._purge(by, status, before, limit) for status in Status if status.final)

    def _purge(self, by: str, status: Status, before: int, limit: int) -> int:
        with redis_errors():
            ids = self._redis.zrange(self.keys.index(status), "-inf", f"({before}", byscore=True, offset=0, num=limit)
        keys: list[str] = []
        args: list[str | int] = []
        for task_id, attempts, request_id in self._belongings([str(task_id) for task_id in ids]):
            own = [
                *self._own(task_id),
                *(self.keys.log(task_id, attempt + 1) for attempt in range(attempts)),
                *([self.keys.request(request_id)] if request_id else []),
            ]
            keys += own
            args += [task_id, len(own)]
        return (
            int(self._scripts.call("purge", by, [self.keys.all, self.keys.expiring, *keys], [before, status, *args]))
            if keys
            else 0
        )

    def _belongings(self, task_ids: list[str]) -> Iterator[tuple[str, int, str]]:
        """Per id its attempts and requestId, as far as they can be read: what was spoilt must go too."""
        for task_id, fields in zip(task_ids, self._hashes(task_ids), strict=True):
            readable = fields if isinstance(fields, dict) else {}
            attempts = readable.get("attempt", "")
            yield task_id, int(attempts) if attempts.isdecimal() else 0, readable.get("requestId", "")
