"""What is answered, as the OpenAPI document shows it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from common.domain.result import Reason
from common.domain.status import Status
from common.domain.task import TaskId, TaskSpec
from stage4_api.api.routes import Document


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
    due_at: str | None
    expires_at: str | None
    started_at: str | None
    finished_at: str | None


class Task(TaskDocument):
    """A task, and where its output is found."""

    logs: Logs


class Page(Document):
    """Some tasks; `nextCursor` is null after the last. A page may be short, or empty, and still have a next one."""

    tasks: list[TaskDocument]
    next_cursor: str | None


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
