"""A task: what was asked (`TaskSpec`), how it is asked for (`Submission`), and what became of it (`Task`)."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from common.domain.errors import InvalidTask
from common.domain.fields import HIGHEST, MAX_DELAY, USUAL, Instant, Memory
from common.domain.result import Result
from common.domain.status import Status

MAX_CONTENT = 1_000_000
"""Bytes of content, arguments and environment together; larger things belong in a file."""
LARGEST_LETTER = 4
"""Bytes that a letter takes at most."""
MAX_ARGUMENTS = 10_000
MAX_TIMEOUT = 30 * 86_400.0
TOLD = 200
"""Characters of one complaint: what was wrong may be a megabyte long, and goes into logs and dead letters."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
TaskId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
RequestId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
TypeName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
S = TypeVar("S")
_set = object.__setattr__
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)]


LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")]
LabelValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,63}$")]
StrategyName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9._-]{0,63})?$")]


class TaskSpec(BaseModel):
    """What a client asks for. JSON names are camelCase; unknown or wrongly typed fields are refused.

    `content` is a command line for `sh -c`, a list (run as it is, without a shell), or the text of a script.
    `timeout` and `retry_delay` are seconds; `output_limit` is bytes of output kept per attempt. Only agents that have
    all of its `labels` run it; `strategy` chooses among them, where empty the scheduler's own. `tags` are for people,
    who may look for them.

    Before retry n it waits for a random part of `retry_delay` * 2 ** (n - 1), but no longer than `max_retry_delay`, or
    where that is not said than the store's own bound; with a `fixed` backoff for just `retry_delay` each time.

    All its processes together use `memory` bytes at most, and are `processes` at most, threads included; never more
    than its agent allows each task. An agent that can't keep a limit which it asks for does not run it.

    It starts at `start_at` at the earliest, or `delay` seconds after it was submitted; of tasks that are ready one of
    a higher `priority` comes first, but never by more than a bounded time (common.domain.fields.STEP). If it has not
    started by `start_by`, or `start_within` seconds after it might have, it is FAILED; what follows its first start,
    retries for example, has no such bound.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        allow_inf_nan=False,
    )

    name: Name = "task"
    type: TypeName = "SHELL"
    content: str | Annotated[list[str], Field(max_length=MAX_ARGUMENTS)]
    args: list[str] = Field(default_factory=list, max_length=MAX_ARGUMENTS)
    env: dict[EnvName, str] = Field(default_factory=dict, max_length=1000)
    timeout: float = Field(default=3600.0, gt=0, le=MAX_TIMEOUT)
    retries: int = Field(default=0, ge=0, le=100)
    retry_delay: float = Field(default=1.0, ge=0, le=86_400)
    max_retry_delay: float | None = Field(default=None, ge=0, le=86_400)
    backoff: Literal["exponential", "fixed"] = "exponential"
    output_limit: int = Field(default=1_048_576, ge=1024, le=64 * 1_048_576)
    on_agent_lost: Literal["requeue", "fail"] = "requeue"
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict, max_length=20)
    strategy: StrategyName = ""
    tags: dict[LabelName, LabelValue] = Field(default_factory=dict, max_length=20)
    priority: int = Field(default=USUAL, ge=0, le=HIGHEST)
    start_at: Instant | None = None
    delay: float = Field(default=0.0, ge=0, le=MAX_DELAY)
    start_by: Instant | None = None
    start_within: float | None = Field(default=None, gt=0, le=MAX_DELAY)
    memory: Memory | None = None
    processes: int | None = Field(default=None, ge=1, le=1_000_000)

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable():
            raise ValueError("must not contain control characters")
        return name

    @field_validator("content")
    @classmethod
    def _runnable(cls, content: str | list[str]) -> str | list[str]:
        if isinstance(content, list) and not content:
            raise ValueError("must not be an empty list")
        first = content[0] if isinstance(content, list) else content
        if not first.strip():
            raise ValueError("must not be empty")
        _check_texts([content] if isinstance(content, str) else content)
        return content

    @field_validator("args")
    @classmethod
    def _texts(cls, args: list[str]) -> list[str]:
        _check_texts(args)
        return args

    @field_validator("labels", "tags")
    @classmethod
    def _in_order(cls, labels: dict[str, str]) -> dict[str, str]:
        return dict(sorted(labels.items()))

    @field_validator("env")
    @classmethod
    def _sorted(cls, env: dict[str, str]) -> dict[str, str]:
        _check_texts(env.values())
        # One order, so that the same environment always gives the same digest.
        return dict(sorted(env.items()))

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        texts = [*([self.content] if isinstance(self.content, str) else self.content), *self.args]
        texts += chain.from_iterable(self.env.items())
        if LARGEST_LETTER * sum(map(len, texts)) <= MAX_CONTENT:
            # As nearly always; to encode it costs more than all other checks.
            return self
        size = sum(len(text.encode()) for text in texts)
        if size > MAX_CONTENT:
            raise ValueError(f"content, args and env are {size:,} bytes together; at most {MAX_CONTENT:,} are taken")
        return self

    @model_validator(mode="after")
    def _timely(self) -> Self:
        if self.start_at and self.delay:
            raise ValueError("startAt and delay are two ways to say when it may start: give one")
        if self.start_by and self.start_within is not None:
            raise ValueError("startBy and startWithin are two ways to say by when it must have started: give one")
        if self.start_by and self.start_at and self.start_by <= self.start_at:
            raise ValueError("startBy is not after startAt: it could never start")
        return self

    @classmethod
    def trusted(cls, **values: Any) -> Self:
        """Of values that were checked before, every field given: `model_construct` without looking up each of them."""
        spec = cls.__new__(cls)
        _set(spec, "__dict__", values)
        _set(spec, "__pydantic_fields_set__", set(values))
        _set(spec, "__pydantic_extra__", None)
        _set(spec, "__pydantic_private__", None)
        return spec

    def digest(self) -> str:
        """A short fingerprint: equal for equal requests, however they were written down (F-MGR-03)."""
        body = TaskSpec.__pydantic_serializer__.to_json(self, exclude={"task_id", "request_id"})
        return hashlib.blake2b(body, digest_size=12).hexdigest()


class Submission(TaskSpec):
    """A request to run a task, as a client or a hand-pushed message words it.

    `task_id` is given by the asker or, if None, by dts; `request_id` makes a repeat harmless (F-MGR-03).
    """

    task_id: TaskId | None = None
    request_id: RequestId | None = None

    @classmethod
    def parse(cls, raw: bytes | str) -> Self:
        """Read JSON as it came from outside.

        Raises InvalidTask, whose text names each wrong field. Depth, size and encoding are bounded,
        so no input can exhaust the reader.
        """
        if len(raw) > 2 * MAX_CONTENT:
            raise InvalidTask(f"the message is {len(raw):,} bytes long; at most {2 * MAX_CONTENT:,} are taken")
        return _checked(lambda: cls.model_validate_json(raw, by_name=False, by_alias=True))

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Build one from Python values; raises InvalidTask as `parse` does."""
        return _checked(lambda: cls(**values))


@dataclass(frozen=True, slots=True)
class Task:
    """A task as the store holds it. Times are ISO 8601 text in UTC, empty where they have not come yet."""

    task_id: str
    spec: TaskSpec
    status: Status
    attempt: int = 0
    agent: str = ""
    boot: str = ""
    failures: int = 0
    """How many of its retries are used up."""
    lost: int = 0
    """How many agents were lost with it."""
    cancel_requested: bool = False
    request_id: str = ""
    result: Result | None = None
    created_at: str = ""
    updated_at: str = ""
    due_at: str = ""
    """Before which it does not start; empty where it may at once."""
    expires_at: str = ""
    """By when it is to have started first; empty where that does not matter."""
    started_at: str = ""
    finished_at: str = ""


def _check_texts(texts: Iterable[str]) -> None:
    size = 0
    for text in texts:
        if "\0" in text:
            raise ValueError("must not contain NUL bytes: no program can be given them")
        try:
            size += len(text.encode())
        except UnicodeEncodeError:
            raise ValueError("must be valid Unicode (it has a lone surrogate)") from None
    if size > MAX_CONTENT:
        raise ValueError(f"is {size:,} bytes long; at most {MAX_CONTENT:,} are taken")


def _checked(build: Callable[[], S]) -> S:
    try:
        return build()
    except ValidationError as error:
        raise InvalidTask("; ".join(_shortened(_sentence(detail)) for detail in error.errors()[:10])) from None
    except (UnicodeError, RecursionError) as error:
        raise InvalidTask(f"not JSON: {error}") from None


def _shortened(text: str) -> str:
    """At most TOLD characters of it, the cut marked."""
    return text if len(text) <= TOLD else f"{text[: TOLD - 3]}..."


def _sentence(detail: ErrorDetails) -> str:
    where = _shortened(".".join(str(part) for part in detail["loc"] if part not in ("str", "list[str]")))
    if detail["type"] == "extra_forbidden":
        known = [to_camel(name) for name in Submission.model_fields]
        near = get_close_matches(where, known, n=1)
        return f"{where!r} is no field of a task" + (f" (did you mean {near[0]!r}?)" if near else "")
    if detail["type"] == "json_invalid":
        return f"not JSON: {detail['ctx']['error']}"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
