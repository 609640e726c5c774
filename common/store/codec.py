"""Between a task and its hash, whose every field is text that a person can read."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic.alias_generators import to_camel

from common.domain.errors import CorruptTask
from common.domain.fields import USUAL
from common.domain.result import Reason, Result
from common.domain.status import Status
from common.domain.task import Submission, Task, TaskSpec

T = TypeVar("T")


def fields_of(submission: Submission) -> list[str]:
    """The request as flat field, value, ... for HSET; what most don't ask for is left out where it is not asked for."""
    flat = [
        "name", submission.name,
        "type", submission.type,
        "timeout", _number(submission.timeout),
        "retries", str(submission.retries),
        "retryDelay", _number(submission.retry_delay),
        "outputLimit", str(submission.output_limit),
        "onAgentLost", submission.on_agent_lost,
    ]  # fmt: skip
    if isinstance(submission.content, str):
        flat += ["content", submission.content]
    else:
        # `argv` tells a list from a text that happens to look like one.
        flat += ["content", _json(submission.content), "argv", "1"]
    for name, (attribute, usual, written) in _OPTIONAL.items():
        value = getattr(submission, attribute)
        if value != usual:
            flat += [name, written(value)]
    return flat


def task_of(fields: dict[str, str]) -> Task:
    """A task from its hash. Raises CorruptTask where somebody else wrote there; unknown fields are ignored."""
    try:
        return Task(
            task_id=fields["taskId"],
            spec=_spec(fields),
            status=Status(fields["status"]),
            attempt=int(fields["attempt"]),
            agent=fields.get("agent", ""),
            boot=fields.get("boot", ""),
            failures=int(fields.get("failures") or 0),
            lost=int(fields.get("lost") or 0),
            cancel_requested=fields.get("cancelRequested") == "1",
            request_id=fields.get("requestId", ""),
            result=_result(fields),
            created_at=fields["createdAt"],
            updated_at=fields["updatedAt"],
            due_at=fields.get("dueAt", ""),
            expires_at=fields.get("expiresAt", ""),
            started_at=fields.get("startedAt", ""),
            finished_at=fields.get("finishedAt", ""),
        )
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise CorruptTask(f"task {fields.get('taskId', '?')!r} can't be read back: {_wrong(fields, error)}") from error


BRIEF = (
    *("taskId", "name", "type", "status", "attempt", "requestId", "createdAt", "updatedAt", "failures", "lost"),
    *("timeout", "retries", "retryDelay", "outputLimit", "onAgentLost", "labels", "strategy"),
)
"""The fields of a task that an assignment may depend on: all but what it runs and what became of it."""


def brief_of(task_id: str, values: Sequence[str]) -> Task:
    """A task of the values of its BRIEF fields, its content left out; one that can't be read is an ordinary one."""
    fields = {name: value for name, value in zip(BRIEF, values, strict=True) if value}
    try:
        return task_of(fields | {"taskId": task_id, "content": ""})
    except CorruptTask:
        return Task(task_id, TaskSpec(content="unreadable"), Status.PENDING)


_NEEDED = (
    *("taskId", "name", "type", "content", "status", "attempt", "createdAt", "updatedAt"),
    *("timeout", "retries", "retryDelay", "outputLimit", "onAgentLost"),
)
_KINDS: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(("attempt", "failures", "lost", "retries", "outputLimit", "priority"), int),
    **dict.fromkeys(("memory", "processes", "exitCode", "outputBytes"), int),
    **dict.fromkeys(("timeout", "retryDelay", "maxRetryDelay", "delay", "startWithin"), float),
    **dict.fromkeys(("args", "env", "labels", "tags"), json.loads),
    "status": Status,
    "reason": Reason,
}


def _wrong(fields: dict[str, str], error: Exception) -> str:
    """Which fields are wrong, for whoever has to set them right."""
    missing = [f"{name} is missing" for name in _NEEDED if name not in fields]
    kinds = {**_KINDS, **({"content": json.loads} if "argv" in fields else {})}
    odd = [f"{name} is {fields[name][:50]!r}" for name, read in kinds.items() if not _reads(read, fields.get(name, ""))]
    return "; ".join(missing + odd) or repr(error)


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        return not text or read(text) is not None
    except (ValueError, RecursionError):
        return False


def _spec(fields: dict[str, str]) -> TaskSpec:
    content: str | list[str] = fields["content"]
    if "argv" in fields:
        content = json.loads(fields["content"])
    # Validated when it was submitted; doing it again would cost more than all the rest of a take.
    return TaskSpec.trusted(
        name=fields["name"],
        type=fields["type"],
        content=content,
        args=_loaded(fields.get("args"), list),
        env=_loaded(fields.get("env"), dict),
        timeout=float(fields["timeout"]),
        retries=int(fields["retries"]),
        retry_delay=float(fields["retryDelay"]),
        max_retry_delay=_maybe(float, fields.get("maxRetryDelay")),
        backoff=fields.get("backoff", "exponential"),
        output_limit=int(fields["outputLimit"]),
        on_agent_lost=fields["onAgentLost"],
        labels=_loaded(fields.get("labels"), dict),
        strategy=fields.get("strategy", ""),
        tags=_loaded(fields.get("tags"), dict),
        priority=int(fields.get("priority") or USUAL),
        start_at=fields.get("startAt"),
        delay=float(fields.get("delay") or 0),
        start_by=fields.get("startBy"),
        start_within=_maybe(float, fields.get("startWithin")),
        memory=_maybe(int, fields.get("memory")),
        processes=_maybe(int, fields.get("processes")),
    )


def _result(fields: dict[str, str]) -> Result | None:
    status = Status(fields["status"])
    if not status.final and not fields.get("reason"):
        return None
    return Result(
        # A task that waits for its next attempt shows how the last one ended.
        status=status if status.final else Status.FAILED,
        reason=Reason(fields["reason"]) if fields.get("reason") else None,
        exit_code=int(fields["exitCode"]) if fields.get("exitCode") else None,
        error=fields.get("error", ""),
        output=fields.get("result", ""),
        output_bytes=int(fields.get("outputBytes") or 0),
    )


def _loaded(text: str | None, kind: type) -> Any:
    return json.loads(text) if text else kind()


def _maybe(kind: Callable[[str], T], text: str | None) -> T | None:
    return kind(text) if text else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


_WRITERS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("args", "env", "labels", "tags"), _json),
    **dict.fromkeys(("backoff", "strategy", "start_at", "start_by", "priority", "memory", "processes"), str),
    **dict.fromkeys(("max_retry_delay", "delay", "start_within"), _number),
}
_OPTIONAL = {
    to_camel(name): (name, TaskSpec.model_fields[name].get_default(call_default_factory=True), written)
    for name, written in _WRITERS.items()
}
"""Field of the hash -> attribute, value that is left out, how others are written."""
