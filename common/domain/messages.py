"""What dts' own processes say to each other. Messages are hints: the store alone says what is so."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from common.domain.errors import BadMessage

SCHEMA = 1
"""What stands in every message; unknown fields are ignored, an unknown schema is refused."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A leader's word to one boot of an agent: these attempts are yours; ask at the start gate before you run them."""

    agent: str
    boot: str
    tasks: Sequence[tuple[str, int]]
    """(task id, attempt) of each."""

    def encode(self) -> str:
        """The JSON text of it."""
        tasks = [{"taskId": task_id, "attempt": attempt} for task_id, attempt in self.tasks]
        return json.dumps({"schema": SCHEMA, "agent": self.agent, "boot": self.boot, "tasks": tasks})

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read what `encode` wrote; raises BadMessage, whose text says what is wrong with it."""
        message = _object(raw)
        if message.get("schema") != SCHEMA:
            raise BadMessage(f"schema is {message.get('schema')!r}; this dts reads {SCHEMA}")
        agent, boot, tasks = message.get("agent"), message.get("boot"), message.get("tasks")
        if not (isinstance(agent, str) and isinstance(boot, str) and isinstance(tasks, list)):
            raise BadMessage("a dispatch has an agent, a boot and a list of tasks")
        return cls(agent, boot, [_attempt(task) for task in tasks])


def _object(raw: bytes) -> dict[str, Any]:
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise BadMessage("not a JSON object")
    return message


def _attempt(task: Any) -> tuple[str, int]:
    if isinstance(task, dict):
        task_id, attempt = task.get("taskId"), task.get("attempt")
        if isinstance(task_id, str) and type(attempt) is int and attempt > 0:
            return task_id, attempt
    raise BadMessage("each task of a dispatch has a taskId and an attempt above 0")
