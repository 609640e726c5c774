"""Which of dts' keys a name in Redis is: keys.py read backwards."""

import re
from enum import Enum, auto
from typing import NamedTuple

from common.domain.status import Status
from common.store.keys import Keys


class Kind(Enum):
    """What a key is; `Key.of` says of whom."""

    TASK = auto()
    HISTORY = auto()
    LOG = auto()
    REQUEST = auto()
    LEASE = auto()
    MOVING = auto()
    HELD = auto()
    FIXED = auto()
    """There is one of it, such as queue:pending."""
    FOREIGN = auto()
    """None of dts'."""


class Key(NamedTuple):
    """A key as found: what it is, and the task, request, agent or consumer that it is of."""

    name: str
    kind: Kind
    of: str = ""


_TASK = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,127})(?::(history|log:\d+))?", re.ASCII)
_PARTS = {None: Kind.TASK, "history": Kind.HISTORY}


class KeySpace:
    """Reads names under one namespace. Safe to share between threads."""

    def __init__(self, keys: Keys) -> None:
        queue = keys.tasks_queue
        self._namespace = keys.namespace
        self._task_prefix = keys.task_prefix
        self._prefixes = {
            keys.request(""): Kind.REQUEST,
            keys.agent(""): Kind.LEASE,
            keys.moving(queue, ""): Kind.MOVING,
            keys.held(queue, ""): Kind.HELD,
        }
        self.types = {
            **dict.fromkeys([keys.all, *map(keys.index, Status), keys.pending, keys.delayed], "zset"),
            **dict.fromkeys([keys.dead, queue, keys.dead_letters(queue), keys.bell], "list"),
            keys.epoch: "string",
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
        for prefix, kind in self._prefixes.items():
            if name.startswith(prefix) and name != prefix:
                return Key(name, kind, name.removeprefix(prefix))
        return Key(name, Kind.FOREIGN)

    def _of_task(self, name: str) -> Key:
        match = _TASK.fullmatch(name, len(self._task_prefix))
        if match is None:
            return Key(name, Kind.FOREIGN)
        return Key(name, _PARTS.get(match[2], Kind.LOG), match[1])
