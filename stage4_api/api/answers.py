"""From what a handler returns or raises to what goes over the wire."""

import logging
from math import ceil

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from common.domain.errors import DtsError
from stage4_api.api import problems
from stage4_api.api.problems import CONTENT_TYPE, Problem, problem_of
from stage4_api.api.routes import Reply
from stage4_api.api.wire import encoded, has_already, tag_of

log = logging.getLogger("dts.api")


def response_of(reply: Reply) -> Response:
    """A document; where it is asked for with GET, with its ETag, or without all the rest where the client has it."""
    text = encoded(reply.document)
    response = Response(text, reply.status, content_type="application/json")
    response.headers.update(reply.headers)
    if request.method in ("GET", "HEAD") and reply.status == 200:
        response.set_etag(tag_of(text))
        if has_already(request.headers, text):
            response.status_code = 304
            response.set_data(b"")
    return response


def refusal_of(problem: Problem) -> Response:
    """A problem document."""
    text = encoded(problems.document(problem, g.get("request_id", "")))
    response = Response(text, problem.kind.status, content_type=CONTENT_TYPE)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, ceil(problem.retry_after)))
    if problem.kind is problems.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="dts"'
    return response


def answer_errors(app: Flask) -> None:
    """Whatever is raised is told as a problem."""

    @app.errorhandler(Problem)
    def refuse(problem: Problem) -> Response:
        return refusal_of(problem)

    @app.errorhandler(DtsError)
    def trouble(error: DtsError) -> Response:
        return refusal_of(problem_of(error))

    @app.errorhandler(HTTPException)
    def library(error: HTTPException) -> Response:
        kind = problems.BY_STATUS.get(error.code or 500, problems.BAD_REQUEST)
        response = refusal_of(Problem(kind, error.description or kind.title))
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        log.error("request %s ended with an error that dts did not expect", g.request_id, exc_info=error)
        return refusal_of(Problem(problems.INTERNAL, f"see the log of this process for request {g.request_id}"))
