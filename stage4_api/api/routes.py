"""What a route is: one declaration, from which requests are checked and the OpenAPI document is made."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, from_json
from werkzeug.datastructures import Headers, MultiDict

from common.domain.errors import InvalidTask
from common.tokens import Role
from stage4_api.api.problems import (
    BAD_QUERY,
    BODY_NOT_TAKEN,
    INVALID_BODY,
    NOT_FOUND,
    NOT_JSON,
    Kind,
    Problem,
)

if TYPE_CHECKING:
    from flask import Response

    from stage4_api.api.desk import Desk

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel, allow_inf_nan=False)
IN_PATH = {
    "taskId": (r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", "task"),
    "agent": (r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", "agent"),
}
"""Parameters in paths: what they look like, and what they name. What looks otherwise is nobody's name."""


class NoQuery(BaseModel):
    """No query parameters at all."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Document(BaseModel):
    """A body, as it comes or goes: camelCase names, nothing unknown, nothing converted."""

    model_config = STRICT


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, checked: the values are of the types that the route declares."""

    path: Mapping[str, str]
    query: Any
    body: Any
    headers: Headers
    by: str
    """Who asks, for histories."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON document as the answer."""

    document: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[["Desk", Asked], "Reply | Response"]


@dataclass(frozen=True, slots=True)
class Body:
    """What is taken as a body."""

    model: type[BaseModel]
    parse: Callable[[bytes], Any]
    largest: int | None = None
    """Bytes; else the setting's."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One status with which a request is answered when all is well."""

    about: str
    model: type[BaseModel] | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path. `role` None serves everybody, without a token."""

    method: str
    path: str
    role: Role | None
    handler: Handler
    answers: Mapping[int, Answered]
    problems: Sequence[Kind] = ()
    query: type[BaseModel] = NoQuery
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers that change the answer, and what they are for."""
    named: str = ""
    about: str = ""
    """Where the handler's own name and docstring don't say it."""

    @property
    def name(self) -> str:
        """Of the operation; camelCase."""
        return self.named or to_camel(self.handler.__name__)

    @property
    def text(self) -> str:
        """What it does, for people."""
        return self.about or " ".join((self.handler.__doc__ or "").split())

    @property
    def parameters(self) -> Sequence[str]:
        """Those in the path."""
        return re.findall(r"\{(\w+)\}", self.path)


def path_of(values: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters in a path. Raises Problem where one is no name."""
    for name, value in values.items():
        pattern, what = IN_PATH[name]
        if not re.fullmatch(pattern, value) or value.endswith("\n"):
            raise Problem(NOT_FOUND, f"there is no such {what}: {value[:100]!r} can't be the name of one")
    return values


def query_of(model: type[BaseModel], given: MultiDict[str, str]) -> Any:
    """The query's parameters. Raises Problem where one is unknown, given twice, or wrong."""
    known = _parameters(model)
    values: dict[str, str | tuple[str, ...]] = {}
    for name, texts in given.lists():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise Problem(BAD_QUERY, f"there is no parameter {name[:100]!r} here{hint}", parameter=name[:100])
        if len(texts) > 1 and not known[name]:
            raise Problem(BAD_QUERY, f"the parameter {name!r} is given more than once", parameter=name)
        values[name] = tuple(texts) if known[name] else texts[0]
    try:
        return model.model_validate(values, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors()[0]
        raise Problem(BAD_QUERY, _sentence(first), parameter=str(first["loc"][0])) from None
    except InvalidTask as error:
        raise Problem(BAD_QUERY, str(error)) from None


@cache
def _parameters(model: type[BaseModel]) -> Mapping[str, bool]:
    """Those of a query, and whether each may be given more than once."""
    return {info.alias or name: get_origin(info.annotation) is tuple for name, info in model.model_fields.items()}


def body_of(body: Body | None, raw: bytes) -> Any:
    """The body. Raises Problem, InvalidTask."""
    if body is None:
        # Clients that always send JSON send an empty object.
        if raw.strip() not in (b"", b"{}"):
            raise Problem(BODY_NOT_TAKEN, "leave the body away: it would be ignored")
        return None
    try:
        return body.parse(raw)
    except InvalidTask:
        _refuse_no_json(raw)
        raise
    except ValidationError as error:
        _refuse_no_json(raw)
        raise Problem(INVALID_BODY, "; ".join(map(_sentence, error.errors()[:10]))) from None
    except (UnicodeError, RecursionError) as error:
        raise Problem(NOT_JSON, str(error)) from None


def json_body(model: type[BaseModel], largest: int | None = None) -> Body:
    """A JSON object as the model says."""
    return Body(model, lambda raw: model.model_validate_json(raw, by_alias=True, by_name=False), largest)


def _refuse_no_json(raw: bytes) -> None:
    try:
        from_json(raw)
    except ValueError as error:
        raise Problem(NOT_JSON, f"the body is not JSON: {error}") from None


def _sentence(detail: ErrorDetails) -> str:
    where = ".".join(map(str, detail["loc"]))[:100]
    message = detail["msg"].removeprefix("Value error, ")[:200]
    return f"{where}: {message}" if where else message
