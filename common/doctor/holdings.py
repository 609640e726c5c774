"""Agents' lists of what they hold: do they name only what is with them?"""

from collections.abc import Iterable, Sequence

from redis import Redis

from common.doctor.facts import BY, Looker
from common.doctor.rules import HOLDINGS, Finding, Tally
from common.doctor.walking import members
from common.store.tasks import TaskStore
from common.store.writing import BATCH
from common.transports.redis_client import redis_errors


class Holdings:
    """Checks the lists of agents. What is missing in one is found with the task; here is found what is too much.

    Raises Unavailable.
    """

    def __init__(self, store: TaskStore, redis: Redis, tally: Tally, *, repair: bool) -> None:
        self._store, self._redis, self._tally, self._repair = store, redis, tally, repair
        self._looker = Looker(redis, store.keys)

    def check(self, agents: Iterable[str]) -> None:
        """Look at these agents' lists, and note what is wrong with them."""
        for agent in agents:
            for task_ids in members(self._redis, self._store.keys.held_tasks(agent), BATCH):
                # Two looks, for a task may just be leaving.
                strays = self._strays(agent, self._still_there(agent, self._strays(agent, task_ids)))
                if strays:
                    self._note(agent, strays)

    def _strays(self, agent: str, task_ids: Sequence[str]) -> list[str]:
        """Those that are no tasks, or with another agent; of its own ones each task's own check speaks."""
        facts = self._looker.look(task_ids) if task_ids else []
        return [one.task_id for one in facts if not one.there or (one.status and one.fields.agent != agent)]

    def _still_there(self, agent: str, task_ids: Sequence[str]) -> list[str]:
        if not task_ids:
            return []
        with redis_errors():
            scores = self._redis.zmscore(self._store.keys.held_tasks(agent), list(task_ids))
        return [task_id for task_id, score in zip(task_ids, scores, strict=True) if score is not None]

    def _note(self, agent: str, strays: Sequence[str]) -> None:
        key = self._store.keys.held_tasks(agent)
        finding = Finding(HOLDINGS, key, f"names {', '.join(strays[:5])}{', …' if strays[5:] else ''}, not with it")
        if self._repair:
            self._tally.repaired(finding, f"{self._store.tidy(agent, strays, BY)} taken out of {key}")
        else:
            self._tally.add(finding)
