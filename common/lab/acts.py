"""What a scenario does to a system: each act is shown as the command that a person would type, and is really done."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.domain.messages import Started, StatusUpdate
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import Reason, failure
from common.lab.aliases import LEADER
from common.lab.errors import WrongState
from common.lab.names import Names
from common.lab.tap import Tap
from common.lab.until import until
from common.lab.worlds import World
from common.store.tasks import TaskStore
from common.transports.redis_client import redis_errors

LEADS_WITHIN = 30.0
"""Seconds in which one of the schedulers leads again."""


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
class Cancel:
    """Somebody asks that a task be ended."""

    task: str

    def command(self, names: Names) -> str:
        return f"dts cancel {names.id(self.task)}"

    def perform(self, world: World, names: Names) -> None:
        TaskStore(world.redis, names.keys).cancel([names.id(self.task)], "person")


@dataclass(frozen=True, slots=True)
class Forge:
    """Somebody tells the managers that a task has failed, in the name of an agent that does not have it."""

    task: str
    attempt: int = 1

    def command(self, names: Names) -> str:
        return names.tell_managers(self._text(names).decode())

    def perform(self, world: World, names: Names) -> None:
        _tap(world).tell([self._text(names)])

    def _text(self, names: Names) -> bytes:
        of = Held(names.id(self.task), self.attempt, "agent-1", "forged")
        end = Finished(of, failure(Reason.EXIT_CODE, "forged", exit_code=1), LogChunk(of, 0, ""))
        return StatusUpdate("forger", "forged", 1, [end]).encode()


@dataclass(frozen=True, slots=True)
class Babble:
    """Somebody sends the managers what is no message at all."""

    text: str

    def command(self, names: Names) -> str:
        return names.tell_managers(self.text)

    def perform(self, world: World, names: Names) -> None:
        _tap(world).tell([self.text.encode()])


@dataclass(frozen=True, slots=True)
class Replay:
    """All that was told of these tasks is told again: as it stands in Kafka, else as the tasks say it was."""

    tasks: Sequence[str]

    def command(self, names: Names) -> str:
        if names.kafka:
            return f"{names.told_managers()} | kafka-console-producer.sh …"
        return names.tell_managers('{"schema":1,"updates":[…]}')

    def perform(self, world: World, names: Names) -> None:
        tap = _tap(world)
        tap.tell(tap.told() or [self._again(world, names)])

    def _again(self, world: World, names: Names) -> bytes:
        store = TaskStore(world.redis, names.keys)
        found = [task for task in store.get_many([names.id(name) for name in self.tasks]) if task and task.result]
        ends = [Finished(task, task.result, LogChunk(task, 0, "")) for task in found if task.result]
        return StatusUpdate("replay", "replay", 1, [*(Started(end.task, 0.0) for end in ends), *ends]).encode()


def _tap(world: World) -> Tap:
    if world.tap is None:
        raise WrongState("this stage has no bus")
    return world.tap


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
        registry = world.registry
        if self.member == LEADER and registry:
            # On a busy machine there may be none for a moment: then the next one is meant.
            until(lambda: registry.leader("scheduler"), within=LEADS_WITHIN, what="a scheduler to lead")
        world.fault(self.kind, self.member or self._agent(world, names))

    def _agent(self, world: World, names: Names) -> str:
        with redis_errors():
            return str(world.redis.hget(names.task(self.task), "agent") or "")
