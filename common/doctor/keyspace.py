"""Which of dts' keys a name in Redis is: keys.py read backwards."""

import re
from enum import Enum, auto
from typing import NamedTuple

from common.domain.status import Status
from common.store.keys import Keys
from common.transports.redis_bus import MANAGERS


class Kind(Enum):
    """What a key is; `Key.of` says of whom."""

    TASK = auto()
    HISTORY = auto()
    LOG = auto()
    REQUEST = auto()
    LEASE = auto()
    HOLDING = auto()
    """The tasks that an agent holds."""
    INBOX = auto()
    """An agent's queue, or what was taken off it."""
    MOVING = auto()
    HELD = auto()
    MEMBERS = auto()
    INFOS = auto()
    OFFICE = auto()
    FIXED = auto()
    """There is one of it, such as queue:pending."""
    FOREIGN = auto()
    """None of dts'."""


class Key(NamedTuple):
    """A key as found: what it is, and the task, request, agent, consumer, group or office that it is of."""

    name: str
    kind: Kind
    of: str = ""


_TASK = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,127})(?::(history|log:\d+))?", re.ASCII)
_AGENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})(:tasks)?", re.ASCII)
_INBOX = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})(?::(?:dead|(?:moving|held):.+))?", re.ASCII)
_GROUP = re.compile(r"([^:]+)(:info)?")
_PARTS = {None: Kind.TASK, "history": Kind.HISTORY}


def _bus(keys: Keys) -> dict[str, str]:
    """The keys of the bus where that is Redis, with their types."""
    types: dict[str, str] = {}
    for queue in (keys.status_queue, keys.logs_queue):
        types |= dict.fromkeys([queue, keys.dead_letters(queue), keys.moving(queue, MANAGERS)], "list")
        types |= {keys.held(queue, MANAGERS): "hash", keys.reader(queue): "string"}
    return types


class KeySpace:
    """Reads names under one namespace. Safe to share between threads."""

    def __init__(self, keys: Keys) -> None:
        queue = keys.tasks_queue
        self._namespace = keys.namespace
        self._task_prefix = keys.task_prefix
        self._agent_prefix, self._inbox_prefix = keys.agent(""), keys.agent_queue("")
        self._registry_prefix = keys.registry("")[0]
        self._prefixes = {
            keys.request(""): Kind.REQUEST,
            keys.moving(queue, ""): Kind.MOVING,
            keys.held(queue, ""): Kind.HELD,
            keys.office(""): Kind.OFFICE,
        }
        self.types = {
            **dict.fromkeys([keys.all, *map(keys.index, Status), keys.pending, keys.delayed], "zset"),
            **dict.fromkeys([keys.dead, queue, keys.dead_letters(queue), keys.bell], "list"),
            **dict.fromkeys([keys.known_agents, keys.drained], "set"),
            **dict.fromkeys([keys.quarantined, keys.evicted, keys.cancelling, keys.expiring], "zset"),
            **dict.fromkeys([keys.heartbeats, keys.applied, keys.refused], "hash"),
            keys.epoch: "string",
            **_bus(keys),
        }
        """The keys of which there is one each, with their types in Redis."""

    @property
    def pattern(self) -> str:
        """What SCAN is asked for: every key under the namespace."""
        return re.sub(r"([\\*?\[\]])", r"\\\1", self._namespace) + "*"

    def read(self, name: str) -> Key:
        """What the key of that name is."""
        if name in self.types:
            return Key(name, Kind.FIXED)
        if name.startswith(self._task_prefix):
            return self._of_task(name)
        if name.startswith(self._agent_prefix):
            return self._of_agent(name)
        if name.startswith(self._inbox_prefix):
            match = _INBOX.fullmatch(name, len(self._inbox_prefix))
            return Key(name, Kind.INBOX, match[1]) if match else Key(name, Kind.FOREIGN)
        if name.startswith(self._registry_prefix):
            return self._of_group(name)
        for prefix, kind in self._prefixes.items():
            if name.startswith(prefix) and name != prefix:
                return Key(name, kind, name.removeprefix(prefix))
        return Key(name, Kind.FOREIGN)

    def _of_agent(self, name: str) -> Key:
        match = _AGENT.fullmatch(name, len(self._agent_prefix))
        if match is None:
            return Key(name, Kind.FOREIGN)
        return Key(name, Kind.HOLDING if match[2] else Kind.LEASE, match[1])

    def _of_group(self, name: str) -> Key:
        match = _GROUP.fullmatch(name, len(self._registry_prefix))
        if match is None:
            return Key(name, Kind.FOREIGN)
        return Key(name, Kind.INFOS if match[2] else Kind.MEMBERS, match[1])

    def _of_task(self, name: str) -> Key:
        match = _TASK.fullmatch(name, len(self._task_prefix))
        if match is None:
            return Key(name, Kind.FOREIGN)
        return Key(name, _PARTS.get(match[2], Kind.LOG), match[1])
