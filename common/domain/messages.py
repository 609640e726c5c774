"""What dts' own processes say to each other. Messages are hints: the store alone says what is so.

To one boot of an agent: Dispatch, Cancel, Drain. From it: StatusUpdate, LogUpdate, Beat. All are JSON objects with a
`schema` number; unknown fields are ignored, an unknown schema is refused.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic_core import from_json, to_json

from common.domain.errors import BadMessage
from common.domain.reports import Finished, Granted, Held, LogChunk, finished_of, record_of

SCHEMA = 1
"""What stands in every message."""
Attempts = Sequence[tuple[str, int]]
"""(task id, attempt) of each."""


@dataclass(frozen=True, slots=True)
class Order:
    """A leader's word to one boot of an agent about some attempts."""

    kind: ClassVar[str] = ""
    agent: str
    boot: str
    tasks: Attempts = ()

    def encode(self) -> str:
        """The JSON text of it."""
        tasks = [{"taskId": task_id, "attempt": attempt} for task_id, attempt in self.tasks]
        return json.dumps({"schema": SCHEMA, "kind": self.kind, "agent": self.agent, "boot": self.boot, "tasks": tasks})

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read what `encode` wrote, an order of this class; raises BadMessage, which says what is wrong with it."""
        order = decode_order(raw)
        if not isinstance(order, cls):
            raise BadMessage(f"a {order.kind} is not what belongs here")
        return order


class Dispatch(Order):
    """These attempts are yours; ask at the start gate before you run them."""

    __slots__ = ()
    kind = "dispatch"


class Cancel(Order):
    """End these attempts: somebody asked for it, or they are not yours any more."""

    __slots__ = ()
    kind = "cancel"


class Drain(Order):
    """Hand back what you have not started; you get nothing new for now."""

    __slots__ = ()
    kind = "drain"


ORDERS: Mapping[str, type[Order]] = {order.kind: order for order in (Dispatch, Cancel, Drain)}


def decode_order(raw: bytes) -> Order:
    """Any order; raises BadMessage."""
    message = _message(raw)
    kind = ORDERS.get(message.get("kind", Dispatch.kind))
    if kind is None:
        raise BadMessage(f"kind is {message.get('kind')!r}; this dts knows {', '.join(ORDERS)}")
    agent, boot, tasks = message.get("agent"), message.get("boot"), message.get("tasks")
    if not (isinstance(agent, str) and isinstance(boot, str) and isinstance(tasks, list)):
        raise BadMessage(f"a {kind.kind} has an agent, a boot and a list of tasks")
    return kind(agent, boot, [_attempt(task) for task in tasks])


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt began `seconds` ago."""

    task: Granted
    seconds: float


@dataclass(frozen=True, slots=True)
class Returned:
    """An attempt that its agent has not started, and does not start any more."""

    task: Granted


Update = Started | Returned | Finished


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What became of some attempts, in the words of one boot of an agent; `number` counts the messages of that boot."""

    agent: str
    boot: str
    number: int
    updates: Sequence[Update]

    def encode(self) -> bytes:
        """The JSON text of it."""
        entries = [_entry(update) for update in self.updates]
        said = {"schema": SCHEMA, "agent": self.agent, "boot": self.boot, "number": self.number, "updates": entries}
        return to_json(said, inf_nan_mode="constants")

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read what `encode` wrote; raises BadMessage, whose text says what is wrong with it."""
        message = _message(raw)
        agent, boot, number, entries = (message.get(name) for name in ("agent", "boot", "number", "updates"))
        if not (isinstance(agent, str) and isinstance(boot, str) and type(number) is int and isinstance(entries, list)):
            raise BadMessage("a status update has an agent, a boot, a number and a list of updates")
        return cls(agent, boot, number, [_update(entry) for entry in entries])


@dataclass(frozen=True, slots=True)
class LogUpdate:
    """A piece of what an attempt printed."""

    chunk: LogChunk

    def encode(self) -> bytes:
        """The JSON text of it."""
        chunk = self.chunk
        return to_json({"schema": SCHEMA, "of": _of(chunk.task), "offset": chunk.offset, "log": chunk.text})

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read what `encode` wrote; raises BadMessage."""
        message = _message(raw)
        offset, text = message.get("offset"), message.get("log")
        if type(offset) is not int or offset < 0 or not isinstance(text, str):
            raise BadMessage("a piece of a log has an offset and a log")
        return cls(LogChunk(_held(message.get("of")), offset, text))


@dataclass(frozen=True, slots=True)
class Beat:
    """An agent's heartbeat: that it works, how loaded it is, and what it holds."""

    agent: str
    boot: str
    number: int
    """Counts the heartbeats of this boot."""
    told: int
    """The number of its last StatusUpdate: what is not held any more was told in one up to this."""
    running: int
    free: int
    """Slots in which nothing runs."""
    cpu: float
    """How much of its machine's processors is in use, from 0 to 1."""
    own: float
    """How many processors its own tasks keep busy."""
    memory: float
    """How much of its machine's memory is in use, from 0 to 1."""
    idle: float
    """Seconds since it last took work."""
    draining: bool
    waiting: frozenset[tuple[str, int]]
    """Attempts that it was given and has not started."""
    held: frozenset[tuple[str, int]]
    """Attempts that run there, or have ended and are not told yet."""

    @property
    def busy(self) -> float:
        """How busy its machine is, and once more its own tasks: so agents of one machine are told apart. 0 to 1."""
        # In coarse steps: no machine is ever quite idle, and that should not stop agents from taking turns. Its own
        # tasks in finer ones: where many share a machine, the part of one is small, and that of idle ones is none.
        return (round(self.cpu * 5) / 5 + round(self.own * 10) / 10) / 2

    def encode(self) -> bytes:
        """The JSON text of it."""
        said: dict[str, Any] = {
            "schema": SCHEMA,
            **{name: getattr(self, name) for name in _BEAT},
            "waiting": _pairs(self.waiting),
            "held": _pairs(self.held),
        }
        return to_json(said)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read what `encode` wrote; raises BadMessage."""
        message = _message(raw)
        values: dict[str, Any] = {}
        for name, kinds in _BEAT.items():
            values[name] = message.get(name)
            if not isinstance(values[name], kinds):
                raise BadMessage(f"{name} of a heartbeat is {values[name]!r:.50}")
        waiting, held = message.get("waiting"), message.get("held")
        if not (isinstance(waiting, list) and isinstance(held, list)):
            raise BadMessage("a heartbeat tells what is waiting and what is held, as lists")
        return cls(**values, waiting=frozenset(map(_attempt, waiting)), held=frozenset(map(_attempt, held)))


_BEAT: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("agent", "boot"), (str,)),
    **dict.fromkeys(("number", "told", "running", "free"), (int,)),
    **dict.fromkeys(("cpu", "own", "memory", "idle"), (float, int)),
    "draining": (bool,),
}


def _message(raw: bytes) -> dict[str, Any]:
    try:
        message = from_json(raw)
    except ValueError as error:
        raise BadMessage(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise BadMessage("not a JSON object")
    if message.get("schema") != SCHEMA:
        raise BadMessage(f"schema is {message.get('schema')!r:.50}; this dts reads {SCHEMA}")
    return message


def _attempt(task: Any) -> tuple[str, int]:
    if isinstance(task, dict):
        task_id, attempt = task.get("taskId"), task.get("attempt")
        if isinstance(task_id, str) and type(attempt) is int and attempt > 0:
            return task_id, attempt
    raise BadMessage("each task of an order or heartbeat has a taskId and an attempt above 0")


def _pairs(attempts: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"taskId": task_id, "attempt": attempt} for task_id, attempt in attempts]


def _of(task: Granted) -> dict[str, Any]:
    return {"task_id": task.task_id, "attempt": task.attempt, "agent": task.agent, "boot": task.boot}


def _held(of: Any) -> Held:
    if isinstance(of, dict):
        task_id, attempt, agent, boot = (of.get(name) for name in ("task_id", "attempt", "agent", "boot"))
        if isinstance(task_id, str) and type(attempt) is int and isinstance(agent, str) and isinstance(boot, str):
            return Held(task_id, attempt, agent, boot)
    raise BadMessage("an attempt has a task_id, an attempt, an agent and a boot")


def _entry(update: Update) -> dict[str, Any]:
    if isinstance(update, Finished):
        return record_of(update)
    if isinstance(update, Started):
        return {"of": _of(update.task), "began": round(update.seconds, 3)}
    return {"of": _of(update.task), "returned": True}


def _update(entry: Any) -> Update:
    if not isinstance(entry, dict):
        raise BadMessage("each update is an object")
    if "result" in entry:
        return finished_of(entry)
    task = _held(entry.get("of"))
    if "returned" in entry:
        return Returned(task)
    began = entry.get("began")
    if not isinstance(began, int | float):
        raise BadMessage("an update has a result, or tells that its attempt began or is returned")
    return Started(task, float(began))
