"""The OpenAPI 3.1 document, made from the same declarations by which requests are checked."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from itertools import groupby
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from common.domain.task import Submission
from stage4_api.api import models, problems
from stage4_api.api.problems import CONTENT_TYPE, Kind
from stage4_api.api.routes import IN_PATH, Answered, NoQuery, Route

REF = "#/components/schemas/{model}"
EVERYWHERE = (
    *(problems.BAD_REQUEST, problems.BAD_PATH, problems.BAD_QUERY, problems.FOREIGN_CALLER),
    *(problems.URI_TOO_LONG, problems.HEADERS_TOO_LARGE, problems.INTERNAL),
)
"""What any request may be answered with."""
WITH_BODY = (problems.NOT_JSON, problems.UNSUPPORTED_MEDIA_TYPE)
WITH_ROLE = (
    *(problems.UNAUTHENTICATED, problems.FORBIDDEN, problems.RATE_LIMITED),
    *(problems.UNAVAILABLE, problems.UNANSWERED),
)
ABOUT = """The REST API of dts, a distributed task scheduler. A task that was answered 201 (or 200, for a repeated
requestId) is stored and will reach exactly one final status: SUCCESS, FAILED or CANCELLED. Errors are problem documents
(RFC 9457); programs compare their `code`."""


def openapi(routes: Sequence[Route], *, tokens: bool) -> dict[str, Any]:
    """The whole document; `tokens` says whether they are asked for."""
    definitions = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "dts", "version": version("dts"), "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}] if tokens else [],
        "x-problems": [
            {"code": kind.code, "status": kind.status, "title": kind.title} for kind in problems.KINDS.values()
        ],
    }


def _operation(route: Route) -> dict[str, Any]:
    text = route.text
    operation = {
        "operationId": route.name,
        "tags": [_tag(route.path)],
        "summary": text.partition(".")[0].partition(":")[0],
        "description": text + (f" Needs the role {route.role}." if route.role else ""),
        "parameters": [*_in_path(route), *_in_query(route.query), *_in_headers(route)],
        "responses": {**_answers(route), **_problems(route)},
    }
    if route.body:
        schema = {"$ref": REF.format(model=route.body.model.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if not route.role:
        operation["security"] = []
    return operation


def _tag(path: str) -> str:
    return "agents" if "/agents" in path else "tasks" if "/tasks" in path else "service"


def _in_path(route: Route) -> Iterable[dict[str, Any]]:
    for name in route.parameters:
        pattern, what = IN_PATH[name]
        schema = {"type": "string", "pattern": pattern}
        yield {"name": name, "in": "path", "required": True, "description": f"the {what}'s id", "schema": schema}


def _in_query(model: type[BaseModel]) -> Iterable[dict[str, Any]]:
    found = model.model_json_schema(by_alias=True, schema_generator=_Schema, ref_template=REF)
    for name, schema in found.get("properties", {}).items():
        yield {"name": name, "in": "query", "description": schema.pop("description", ""), "schema": schema}


def _in_headers(route: Route) -> Iterable[dict[str, Any]]:
    known = dict(route.headers)
    if route.method == "GET" and _is_json(route):
        known["If-None-Match"] = "the ETag of what the client has; where it is still so, the answer is 304"
    for name, about in known.items():
        yield {"name": name, "in": "header", "description": about, "schema": {"type": "string"}}


def _is_json(route: Route) -> bool:
    return any(answered.content_type == "application/json" for answered in route.answers.values())


def _answers(route: Route) -> dict[str, Any]:
    found = {str(status): _answer(answered) for status, answered in route.answers.items()}
    if route.method == "GET" and _is_json(route):
        found["200"]["headers"]["ETag"] = _header("changes with what is answered")
        found["304"] = {"description": "It is as the client has it.", "headers": _common()}
    return found


def _answer(answered: Answered) -> dict[str, Any]:
    named = {name: _header(about) for name, about in answered.headers.items()}
    schema = {"$ref": REF.format(model=answered.model.__name__)} if answered.model else {"type": "string"}
    return {
        "description": answered.about,
        "headers": _common() | named,
        "content": {answered.content_type: {"schema": schema}},
    }


def _problems(route: Route) -> dict[str, Any]:
    kinds = [*EVERYWHERE, *route.problems]
    kinds += [*WITH_BODY, problems.TOO_LARGE] if route.body else [problems.BODY_NOT_TAKEN, problems.TOO_LARGE]
    kinds += WITH_ROLE if route.role else ()
    ordered = sorted(set(kinds), key=lambda kind: (kind.status, kind.code))
    return {str(status): _problem(list(same)) for status, same in groupby(ordered, key=lambda kind: kind.status)}


def _problem(kinds: Sequence[Kind]) -> dict[str, Any]:
    headers = _common()
    if any(kind in problems.RETRY_AFTER for kind in kinds):
        headers["Retry-After"] = _header("seconds after which asking again may help")
    if problems.UNAUTHENTICATED in kinds:
        headers["WWW-Authenticate"] = _header("how to be let in")
    if kinds[0].status == 405:
        headers["Allow"] = _header("what can be done here")
    return {
        "description": "; ".join(f"{kind.code}: {kind.title}" for kind in kinds),
        "headers": headers,
        "content": {CONTENT_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}},
    }


def _common() -> dict[str, Any]:
    return {"X-Request-Id": _header("the request's own, or one that it was given; the log names it")}


def _header(about: str) -> dict[str, Any]:
    return {"description": about, "schema": {"type": "string"}}


def _schemas(routes: Sequence[Route]) -> dict[str, Any]:
    taken: set[type[BaseModel]] = {Submission} | {route.body.model for route in routes if route.body}
    given: set[type[BaseModel]] = {models.Problem}
    given |= {answered.model for route in routes for answered in route.answers.values() if answered.model}
    asked = {route.query for route in routes if route.query is not NoQuery}
    # Of queries only what they mention, like the statuses: they are lists of parameters.
    found = _defined(asked, "validation") | _defined(given, "serialization") | _defined(taken, "validation")
    return {name: found[name] for name in sorted(set(found) - {one.__name__ for one in asked})}


def _defined(wanted: Iterable[type[BaseModel]], mode: JsonSchemaMode) -> dict[str, Any]:
    ordered = sorted(wanted, key=lambda model: model.__name__)
    _, found = models_json_schema(
        [(model, mode) for model in ordered], by_alias=True, ref_template=REF, schema_generator=_Schema
    )
    return dict(found.get("$defs", {}))


class _Schema(GenerateJsonSchema):
    """Without titles that only repeat a field's name, and as strict as the models are."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        found = super().dict_schema(schema)
        # A name that does not look so is refused; the schema alone would let it pass.
        return found | {"additionalProperties": False} if "patternProperties" in found else found
