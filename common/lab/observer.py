"""Takes pictures of a running system: only reads, and little, as it may look at a busy system many times a second."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from common.domain.errors import Unavailable
from common.domain.status import Status
from common.lab.figures import METRICS, scrape
from common.lab.names import Names
from common.lab.picture import Picture, SeenLease, SeenMember, SeenQueue, SeenRegistry, SeenTask, parsed
from common.lab.task_processes import task_processes
from common.lab.worlds import World
from common.rpc.providers import TASK_MANAGER, group_of
from common.transports.redis_client import redis_errors

NEWEST = 8
"""Tasks that are shown beside those which the scenario speaks of."""
HEAD = 5
"""Elements of a queue that are looked at."""
LOG_TAIL = 400
"""Bytes of the latest attempt's log that are looked at."""
LAST_CHANGES = 50
"""Entries of a task's history that are looked at."""
LOG_LINES = 200
ROLES = ("agent", "scheduler", "manager", "api")
"""Whose logs are looked at."""
AGENTS_A_LOOK = 1000
"""How far one look goes through the keys for agents that nobody knows of yet."""
FIELDS = (
    *("taskId", "name", "type", "status", "attempt", "agent", "boot", "result", "exitCode", "reason", "error"),
    *("createdAt", "updatedAt", "startedAt", "finishedAt"),
)
"""What is read of a task's hash; its content may be long, and is left out."""


class Observer:
    """Looks at one world. Safe to use from many threads."""

    def __init__(self, world: World, names: Names) -> None:
        self.names = names
        self._world, self._keys = world, names.keys
        self.went_round = False
        """Whether all keys were looked through for agents at least once."""
        self._agents: set[str] = set()
        self._cursor = 0

    def look(self) -> Picture:
        """The system as it is now; takes a second at most, also where Redis is away."""
        members = self._world.members()
        home = self._world.home
        local: dict[str, Any] = {
            "members": members,
            "processes": task_processes(home) if home else [],
            "said": {
                member.name: self._world.said(member.name)[-LOG_LINES:] for member in members if member.role in ROLES
            },
            "registry": self._registered(),
            "figures": cache(partial(scrape, self._world.registry)),
        }
        if self._world.tap:
            local["traffic"], local["beats"] = self._world.tap.look()
        try:
            with redis_errors():
                return Picture(self.names, **local, **self._stored(members))
        except Unavailable as error:
            return Picture(self.names, away=str(error), **local)

    def _registered(self) -> SeenRegistry | None:
        registry = self._world.registry
        if registry is None:
            return None
        try:
            leader, epoch = registry.leader("scheduler") or ("", 0)
            agents, schedulers = registry.members("live-agents"), registry.members("live-schedulers")
            managers = registry.members(group_of(TASK_MANAGER)) if self._world.api.url else {}
            measured = registry.members(METRICS) if self._world.api.url else {}
            return SeenRegistry(agents, schedulers, leader, epoch, managers, measured)
        except Unavailable:
            return None

    def _stored(self, members: Sequence[SeenMember]) -> dict[str, Any]:
        keys = self._keys
        with self._world.redis.pipeline(transaction=False) as pipe:
            for status in Status:
                pipe.zcard(keys.index(status))
                pipe.zrange(keys.index(status), 0, NEWEST - 1, desc=True, withscores=True)
            for key in (keys.tasks_queue, keys.dead_letters(keys.tasks_queue)):
                pipe.llen(key)
                pipe.lrange(key, 0, HEAD - 1) if key.endswith(":dead") else pipe.lrange(key, -HEAD, -1)
            for key in (keys.pending, keys.delayed):
                pipe.zcard(key)
                pipe.zrange(key, 0, HEAD - 1)
            pipe.scan(self._cursor, match=keys.agent("*"), count=AGENTS_A_LOOK)
            pipe.hgetall(keys.refused)
            replies = pipe.execute()
        counted, queued, (self._cursor, agent_keys) = replies[:14], replies[14:22], replies[22]
        tasks = self._tasks([*_newest(counted[1::2]), *self.names.ids])
        self.went_round |= self._cursor == 0
        names = (str(key).removeprefix(keys.agent("")) for key in agent_keys)
        # Beside its lease stands the list of what it holds.
        self._agents |= {name for name in names if ":" not in name}
        self._agents |= {member.name for member in members if member.role == "agent"}
        agents = sorted(self._agents)
        return {
            "held": dict(zip(agents, self._held(agents), strict=True)),
            "refused": {str(answer): _number(count) for answer, count in replies[23].items()},
            "counts": dict(zip(Status, counted[::2], strict=True)),
            "tasks": tasks,
            "queues": self._queues(queued),
            "leases": self._leases(self._agents | {task.fields.get("agent", "") for task in tasks.values()} - {""}),
        }

    def _held(self, agents: Sequence[str]) -> list[int]:
        with self._world.redis.pipeline(transaction=False) as pipe:
            for agent in agents:
                pipe.zcard(self._keys.held_tasks(agent))
            return pipe.execute()

    def _tasks(self, ids: Iterable[str]) -> dict[str, SeenTask]:
        wanted = list(dict.fromkeys(ids))
        with self._world.redis.pipeline(transaction=False) as pipe:
            for task_id in wanted:
                pipe.hmget(self._keys.task(task_id), *FIELDS)
                pipe.lrange(self._keys.history(task_id), -LAST_CHANGES, -1)
            replies = pipe.execute()
        found = {
            task_id: (fields, history)
            for task_id, values, history in zip(wanted, replies[::2], replies[1::2], strict=True)
            if (fields := _present(values))
        }
        logs = self._logs({task_id: fields for task_id, (fields, _) in found.items()})
        return {
            task_id: SeenTask(fields, [parsed(entry) for entry in history], log)
            for (task_id, (fields, history)), log in zip(found.items(), logs, strict=True)
        }

    def _logs(self, tasks: Mapping[str, Mapping[str, str]]) -> list[str]:
        """The end of each task's log, in the same order."""
        with self._world.redis.pipeline(transaction=False) as pipe:
            for task_id, fields in tasks.items():
                pipe.getrange(self._keys.log(task_id, _number(fields.get("attempt", ""))), -LOG_TAIL, -1)
            return pipe.execute()

    def _queues(self, replies: Sequence[Any]) -> dict[str, SeenQueue]:
        keys = self._keys
        order = (keys.tasks_queue, keys.dead_letters(keys.tasks_queue), keys.pending, keys.delayed)
        queues = {
            key: SeenQueue(key, length, head)
            for key, length, head in zip(order, replies[::2], replies[1::2], strict=True)
        }
        pushed = queues[keys.tasks_queue]
        # The list is taken from its right end.
        queues[keys.tasks_queue] = SeenQueue(pushed.key, pushed.length, list(reversed(pushed.head)))
        return queues

    def _leases(self, agents: Iterable[str]) -> dict[str, SeenLease]:
        names = sorted(agents)
        with self._world.redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(self._keys.agent(name))
                pipe.pttl(self._keys.agent(name))
            replies = pipe.execute()
        return {
            name: SeenLease(name, fields, max(0, left) / 1000)
            for name, fields, left in zip(names, replies[::2], replies[1::2], strict=True)
        }


def _newest(pages: Iterable[Iterable[Sequence[Any]]]) -> list[str]:
    """The ids that got into their status last, of all statuses together."""
    entered = sorted(((float(score), str(task_id)) for page in pages for task_id, score in page), reverse=True)
    return [task_id for _, task_id in entered[:NEWEST]]


def _present(values: Sequence[str | None]) -> dict[str, str]:
    return {name: value for name, value in zip(FIELDS, values, strict=True) if value is not None}


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
