"""What is asked, beside the task itself: parameters of queries, and bodies."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from common.domain.query import Query
from common.domain.status import Status
from common.domain.task import TaskId
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
    order: Literal["newest", "oldest"] = Field(
        "newest", description="by when they were made; where statuses are asked for, by when they got there"
    )
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
