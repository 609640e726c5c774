"""What goes over the wire beside the task itself, as the OpenAPI document shows it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from common.domain.query import Query
from common.domain.result import Reason
from common.domain.status import Status
from common.domain.task import Submission as Submission  # noqa: PLC0414  a batch is made of them
from common.domain.task import TaskId, TaskSpec
from stage4_api.api.routes import Document

LARGEST_PAGE = 1000
LARGEST_BULK = 1000
LARGEST_LOG = 1_048_576


def _number(text: Any) -> Any:
    if isinstance(text, str):
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise ValueError("must be a number, in digits")
        return int(text)
    return text


IN_DIGITS = BeforeValidator(_number)


class Problem(BaseModel):
    """Why a request was not answered as asked (RFC 9457). Programs compare `code`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str | None = None


class Submitted(Document):
    """A task that is there now."""

    task_id: TaskId
    status: Status


class Cancelled(Document):
    """How a task stands that is cancelled, or will be as soon as its agent has ended it."""

    task_id: TaskId
    status: Status
    cancel_requested: bool


class Logs(Document):
    """Where a task's output is found, and, where it was asked for, the last of it."""

    href: str
    stream: str
    attempt: int
    text: str | None = None
    offset: int | None = None
    next_offset: int | None = None


class TaskDocument(TaskSpec):
    """All that is known of a task. Times are ISO 8601 in UTC; null is what there is not yet."""

    task_id: TaskId
    status: Status
    attempt: int
    agent: str | None
    boot: str | None
    failures: int
    lost: int
    cancel_requested: bool
    request_id: str | None
    result: str | None
    exit_code: int | None
    reason: Reason | None
    error: str | None
    output_bytes: int | None
    created_at: str
    updated_at: str
    started_at: str | None
    finished_at: str | None


class Task(TaskDocument):
    """A task, and where its output is found."""

    logs: Logs


class Page(Document):
    """Some tasks; `nextCursor` is null after the last. A page may be short, or empty, and still have a next one."""

    tasks: list[TaskDocument]
    next_cursor: str | None


class Listing(BaseModel):
    """Which tasks are listed: those that meet all of these."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    status: tuple[Status, ...] = Field((), description="one of these")
    type: tuple[Annotated[str, Field(max_length=64)], ...] = Field((), description="of one of these types")
    name: str = Field("", max_length=200, description="what its name begins with")
    agent: tuple[Annotated[str, Field(max_length=64)], ...] = Field((), description="with one of these agents")
    tag: tuple[Annotated[str, Field(pattern=r"^[^:]{1,63}:[^:]{0,63}$")], ...] = Field(
        (), description="with all of these tags, each as key:value"
    )
    order: Literal["newest", "oldest"] = Field("newest", description="by when they were made")
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE), IN_DIGITS] = Field(50, description="at most so many")
    cursor: str = Field("", max_length=300, description="nextCursor of the page before")

    def query(self) -> Query:
        """The same for a TaskService."""
        tags = dict(tag.split(":", 1) for tag in self.tag)
        return Query(self.status, self.type, self.name, self.agent, tags, self.order == "oldest")


class Filter(Document):
    """Which tasks are meant: those that meet all of these; at least one is to be given."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    status: list[Status] = Field(default_factory=list)
    type: list[str] = Field(default_factory=list)
    name: str = ""
    agent: list[str] = Field(default_factory=list)
    tags: dict[str, str] = Field(default_factory=dict)

    def query(self) -> Query:
        """The same for a TaskService; the oldest first, so that what comes meanwhile is last."""
        return Query(tuple(self.status), tuple(self.type), self.name, tuple(self.agent), self.tags, oldest_first=True)


class ReadTask(BaseModel):
    """How a task is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    logs: Annotated[int, Field(ge=0, le=LARGEST_LOG), IN_DIGITS] = Field(
        0, description="so many bytes of the end of the latest attempt's output are in the answer"
    )


class ReadLog(BaseModel):
    """Which part of a task's output is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempt: Annotated[int, Field(ge=0, le=1_000_000), IN_DIGITS] = Field(
        0, description="of this attempt; 0: the latest one"
    )
    offset: Annotated[int, Field(ge=0, le=10**11), IN_DIGITS] = Field(0, description="from this byte on")
    limit: Annotated[int, Field(ge=1, le=LARGEST_LOG), IN_DIGITS] = Field(65_536, description="about so many bytes")


class StreamLog(BaseModel):
    """Where the stream of a task's output begins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempt: Annotated[int, Field(ge=0, le=1_000_000), IN_DIGITS] = Field(
        0, description="with this attempt; 0: the latest one"
    )
    offset: Annotated[int, Field(ge=0, le=10**11), IN_DIGITS] = Field(0, description="with this byte of it")


class LogPart(Document):
    """A piece of an attempt's output. Offsets are bytes; where nextOffset is offset, there is no more yet."""

    task_id: TaskId
    attempt: int
    text: str
    offset: int
    next_offset: int


class History(Document):
    """Every change of the task, oldest first."""

    task_id: TaskId
    history: list[dict[str, JsonValue]]


class Attempt(Document):
    """One attempt, as the task's history tells it."""

    attempt: int
    agent: str | None
    boot: str | None
    assigned_at: str | None
    started_at: str | None
    ended_at: str | None
    ended: dict[str, JsonValue] | None


class Attempts(Document):
    """Every attempt of the task, the first one first."""

    task_id: TaskId
    attempts: list[Attempt]


class Decision(BaseModel):
    """What a scheduler last decided on the task, and why."""

    model_config = ConfigDict(extra="allow")


class Agent(BaseModel):
    """One agent."""

    model_config = ConfigDict(extra="allow")

    agent: str
    state: Literal["live", "drained", "quarantined", "gone"]
    holds: int
    slots: int | None


class Agents(Document):
    """All agents that ever were here, by their ids."""

    agents: list[Agent]


class AgentShut(Document):
    """How an agent stands after it was drained or resumed."""

    agent: str
    drained: bool


class Counts(Document):
    """How many tasks each status has."""

    counts: dict[Status, int]


class Health(Document):
    """The process answers."""

    status: Literal["ok"]


class Described(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str


class Batch(Document):
    """Tasks to be submitted, each on its own."""

    tasks: Annotated[list[Any], Field(min_length=1, max_length=LARGEST_BULK)] = Field(
        # Anything else is answered as well, by itself.
        json_schema_extra={"items": {"anyOf": [{"$ref": "#/components/schemas/Submission"}, {}]}}
    )


class Chosen(Document):
    """Tasks by their ids, or by a filter; with a filter `limit` and `cursor` go on where an answer ended."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["taskIds"]}, {"required": ["filter"]}]})

    task_ids: list[TaskId] = Field(default_factory=list, min_length=1, max_length=LARGEST_BULK)
    filter: Filter = Field(default_factory=Filter)
    limit: int = Field(LARGEST_BULK, ge=1, le=LARGEST_BULK)
    cursor: str = Field("", max_length=300)


class Item(BaseModel):
    """What became of one: `status` is what it would have been answered alone, with either the task or a problem."""

    model_config = ConfigDict(extra="forbid")

    status: int
    taskId: str | None = None  # noqa: N815  as it is on the wire
    problem: Problem | None = None


class Results(Document):
    """One for each, in the order asked for; with a filter, `nextCursor` is where to go on, null at the end."""

    results: list[Item]
    next_cursor: str | None = None
