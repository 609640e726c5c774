"""Every error that the API answers, in one table; on the wire each is a problem document (RFC 9457)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.domain.errors import CorruptTask, DtsError, InvalidTask, Unanswered, Unavailable
from common.domain.status import Answer

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of error: its stable code, which programs compare, its HTTP status, and what it means."""

    code: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """Where the docs page explains it."""
        return f"/docs#{self.code}"


KINDS: dict[str, Kind] = {}


def _kind(code: str, status: int, title: str) -> Kind:
    return KINDS.setdefault(code, Kind(code, status, title))


BAD_REQUEST = _kind("BAD_REQUEST", 400, "The request can't be understood")
BAD_PATH = _kind("BAD_PATH", 400, "The path is written in a way that could mean another one")
BAD_QUERY = _kind("BAD_QUERY", 400, "A query parameter is unknown or can't be used")
BAD_HEADER = _kind("BAD_HEADER", 400, "A header can't be used")
NOT_JSON = _kind("NOT_JSON", 400, "The body is not JSON")
BODY_NOT_TAKEN = _kind("BODY_NOT_TAKEN", 400, "This request takes no body")
UNAUTHENTICATED = _kind("UNAUTHENTICATED", 401, "A token is needed, and this is none that holds")
FORBIDDEN = _kind("FORBIDDEN", 403, "The token's role does not allow this")
FOREIGN_CALLER = _kind("FOREIGN_CALLER", 403, "Without tokens only this machine itself is served")
NOT_FOUND = _kind("NOT_FOUND", 404, "There is no such thing")
METHOD_NOT_ALLOWED = _kind("METHOD_NOT_ALLOWED", 405, "This can't be done here")
ID_TAKEN = _kind("ID_TAKEN", 409, "The taskId or requestId belongs to a task with another body")
ALREADY_FINAL = _kind("ALREADY_FINAL", 409, "The task has ended already")
NOT_FINAL = _kind("NOT_FINAL", 409, "The task has not ended yet")
SUCCEEDED = _kind("SUCCEEDED", 409, "The task succeeded; submit it anew to run it again")
TOO_LARGE = _kind("TOO_LARGE", 413, "The body is too large")
URI_TOO_LONG = _kind("URI_TOO_LONG", 414, "The address is too long")
UNSUPPORTED_MEDIA_TYPE = _kind("UNSUPPORTED_MEDIA_TYPE", 415, "The body's type is not taken")
INVALID_TASK = _kind("INVALID_TASK", 422, "What was submitted is not a task")
INVALID_BODY = _kind("INVALID_BODY", 422, "The body is not what this request takes")
QUEUE_FULL = _kind("QUEUE_FULL", 429, "As many tasks wait as may")
RATE_LIMITED = _kind("RATE_LIMITED", 429, "Too many requests with this token")
HEADERS_TOO_LARGE = _kind("HEADERS_TOO_LARGE", 431, "The request's headers are too large")
INTERNAL = _kind("INTERNAL", 500, "An error that dts did not expect")
CORRUPT_TASK = _kind("CORRUPT_TASK", 500, "Something other than dts wrote over the task")
UNAVAILABLE = _kind("UNAVAILABLE", 503, "It can't be done now, and was not done")
UNANSWERED = _kind("UNANSWERED", 503, "The answer was lost: it may have been done")
TOO_MANY_STREAMS = _kind("TOO_MANY_STREAMS", 503, "As many streams are open as may")
NOT_READY = _kind("NOT_READY", 503, "This process can't serve now")

BY_STATUS = {
    400: BAD_REQUEST,
    404: NOT_FOUND,
    405: METHOD_NOT_ALLOWED,
    413: TOO_LARGE,
    414: URI_TOO_LONG,
    415: UNSUPPORTED_MEDIA_TYPE,
    431: HEADERS_TOO_LARGE,
}
"""What the libraries below us find wrong, by the status that they would answer."""

RETRY_AFTER = {QUEUE_FULL: 5, UNAVAILABLE: 1, UNANSWERED: 1, TOO_MANY_STREAMS: 5, NOT_READY: 1, RATE_LIMITED: 1}
"""Seconds after which asking again may help."""


class Problem(Exception):
    """Raised where a request can't be answered as asked; `more` are members that programs may want."""

    def __init__(self, kind: Kind, detail: str, *, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.more = kind, detail, more
        self.retry_after = RETRY_AFTER.get(kind) if retry_after is None else retry_after


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a verb's answer is told where it is not what was asked for."""

    kind: Kind
    detail: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def problem(self, **more: Any) -> Problem:
        return Problem(self.kind, self.detail, **self.more, **more)


REFUSED: Mapping[tuple[str, Answer], Refusal] = {
    ("submit", Answer.CONFLICT): Refusal(ID_TAKEN, "a task with that taskId or requestId is there, with another body"),
    ("submit", Answer.FULL): Refusal(QUEUE_FULL, "no more tasks are taken until some have been run"),
    ("cancel", Answer.TERMINAL): Refusal(ALREADY_FINAL, "it has ended already, so there is nothing to cancel"),
    ("retry", Answer.STALE_STATE): Refusal(NOT_FINAL, "it has not ended yet; only what FAILED or was CANCELLED is"),
    ("retry", Answer.TERMINAL): Refusal(SUCCEEDED, "it succeeded; submit it anew to run it again"),
}
"""By verb and answer."""


def no_task(task_id: str) -> Problem:
    """There is none of that id."""
    return Problem(NOT_FOUND, f"there is no task {_brief(task_id)!r}")


def problem_of(error: DtsError) -> Problem:
    """The one place where dts' own errors get their HTTP status."""
    if isinstance(error, InvalidTask):
        return Problem(INVALID_TASK, str(error))
    if isinstance(error, Unanswered):
        return Problem(UNANSWERED, f"{error}. It may have been done all the same")
    if isinstance(error, Unavailable):
        return Problem(UNAVAILABLE, f"{error}. Nothing was done")
    if isinstance(error, CorruptTask):
        return Problem(CORRUPT_TASK, str(error))
    return Problem(INTERNAL, "see the log of this process")


def document(problem: Problem, request_id: str) -> dict[str, Any]:
    """As it goes over the wire."""
    kind = problem.kind
    known = {"type": kind.type, "title": kind.title, "status": kind.status, "code": kind.code}
    instance = {"instance": f"urn:dts:request:{request_id}"} if request_id else {}
    return known | {"detail": _brief(problem.detail, 2000)} | instance | problem.more


def _brief(text: str, longest: int = 130) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
