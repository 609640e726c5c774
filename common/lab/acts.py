"""What a scenario does to a system: each act is shown as the command that a person would type, and is really done."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.lab.names import Names
from common.lab.worlds import World
from common.transports.redis_client import redis_errors


class Act(Protocol):
    """Something that is done."""

    def command(self, names: Names) -> str:
        """The command line for it."""
        ...

    def perform(self, world: World, names: Names) -> None:
        """Do it. Raises DtsError where it can't be done."""
        ...


@dataclass(frozen=True, slots=True)
class Push:
    """A task as JSON, pushed into queue:tasks by hand; a `torn` one lacks its end, as after a slip of the hand."""

    task: str
    content: str
    type: str = "SHELL"
    more: Mapping[str, Any] = field(default_factory=dict)
    torn: bool = False

    def command(self, names: Names) -> str:
        return names.redis_cli("LPUSH", names.keys.tasks_queue, self._body(names))

    def perform(self, world: World, names: Names) -> None:
        with redis_errors():
            world.redis.lpush(names.keys.tasks_queue, self._body(names))

    def _body(self, names: Names) -> str:
        values = {"taskId": names.id(self.task), "type": self.type, "content": self.content, **self.more}
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        return text[:-2] if self.torn else text


@dataclass(frozen=True, slots=True)
class Fault:
    """Something done to a member of the cluster: kill, freeze, thaw, stop, or start.

    The member may be one of ALIASES, or of a task: the one that it is with (`Fault("kill", task="report")`).
    """

    kind: str
    member: str = ""
    task: str = ""

    @property
    def needs_processes(self) -> bool:
        """Whether it can be done to real processes alone."""
        return self.kind in ("freeze", "thaw")

    def command(self, names: Names) -> str:
        member = self.member or f"$(dts get {names.id(self.task)} --json | jq -r .agent)"
        return f"dts fault {self.kind} {member}"

    def perform(self, world: World, names: Names) -> None:
        world.fault(self.kind, self.member or self._agent(world, names))

    def _agent(self, world: World, names: Names) -> str:
        with redis_errors():
            return str(world.redis.hget(names.task(self.task), "agent") or "")
