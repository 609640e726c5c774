"""What an agent tells of its attempts: pieces of output and ends, and how both are written down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from common.domain.errors import BadMessage, CorruptTask
from common.domain.result import Proof, Reason, Result, failure
from common.domain.status import Status


class Granted(Protocol):
    """Whose attempt something is about; a Task is one."""

    @property
    def task_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def agent(self) -> str: ...
    @property
    def boot(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt of which nothing more is known than whose it is or was."""

    task_id: str
    attempt: int
    agent: str
    boot: str


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of an attempt's log: `text` begins at byte `offset` of the log as kept so far."""

    task: Granted
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an attempt, with the rest of its log (`log.offset` onwards)."""

    task: Granted
    result: Result
    log: LogChunk
    seconds: float = 0.0
    """How long it ran, by its agent's clock."""


def unreadable(own: Held, error: CorruptTask) -> Finished:
    """The end of an attempt whose task nobody can run, because something other than dts wrote over its hash."""
    what = f"{error}; something other than dts wrote there. Set it right with redis-cli, then retry the task"
    return Finished(own, failure(Reason.UNREADABLE, what), LogChunk(own, 0, ""))


def record_of(end: Finished) -> dict[str, Any]:
    """As a JSON object."""
    task = end.task
    of = {"task_id": task.task_id, "attempt": task.attempt, "agent": task.agent, "boot": task.boot}
    record: dict[str, Any] = {"of": of, "result": end.result, "offset": end.log.offset, "log": end.log.text}
    return {**record, "seconds": round(end.seconds, 3)} if end.seconds else record


def finished_of(record: Mapping[str, Any]) -> Finished:
    """What `record_of` wrote; raises BadMessage."""
    try:
        of, result = record["of"], record["result"]
        task = Held(str(of["task_id"]), _whole(of["attempt"]), str(of["agent"]), str(of["boot"]))
        status = Status(result["status"])
        if not status.final:
            raise ValueError(f"{status} is no end")
        read = Result(
            status=status,
            reason=Reason(result["reason"]) if result["reason"] else None,
            exit_code=None if result["exit_code"] is None else _whole(result["exit_code"]),
            error=str(result["error"]),
            output=str(result["output"]),
            output_bytes=_whole(result["output_bytes"]),
            proof=_proof(result.get("proof")),
        )
        log = LogChunk(task, _whole(record["offset"]), str(record["log"]))
        return Finished(task, read, log, float(record.get("seconds") or 0.0))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadMessage(f"not the end of an attempt: {error!r}") from error


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


def _proof(fields: dict[str, Any] | None) -> Proof | None:
    return Proof(**{**fields, "signals": tuple(map(tuple, fields["signals"]))}) if fields else None
