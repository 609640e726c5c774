"""The REST API as a WSGI application: every request goes through the same checks, in one order, to its handler."""

import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Sequence
from functools import cache, partial

from flask import Flask, Response, g, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from common.clock import Clock
from common.domain.errors import DtsError
from common.domain.ids import Ids
from common.settings import Settings
from stage4_api.api import agents, bulk, docs, output, problems, story, system, tasks
from stage4_api.api.access import Access
from stage4_api.api.desk import Desk
from stage4_api.api.follower import Follower
from stage4_api.api.openapi import openapi
from stage4_api.api.problems import CONTENT_TYPE, Problem, problem_of
from stage4_api.api.routes import Asked, Reply, Route, body_of, path_of, query_of
from stage4_api.api.wire import encoded, has_already, tag_of
from stage4_api.task_service import TaskService

log = logging.getLogger("dts.api")

STREAMS_FOR_THREAD = 8
"""Requests that wait, for each one that is worked on: those cost a thread that rests."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache, private",
}
"""On every answer that does not say otherwise."""
ASKED_WITH = "Authorization, Content-Type, If-None-Match, Last-Event-ID, Prefer, X-Request-Id"
ANSWERED_WITH = "Allow, ETag, Location, Preference-Applied, Retry-After, X-Request-Id"
ROUTES: Sequence[Route] = [
    *tasks.ROUTES,
    *output.ROUTES,
    *story.ROUTES,
    *bulk.ROUTES,
    *agents.ROUTES,
    *docs.ROUTES,
    *system.ROUTES,
]


class Api(Flask):
    """The application, and what has to be stopped with it."""

    desk: Desk

    def stop(self) -> None:
        """Answer at once, from now on, whatever waits for something; returns when nothing is watched any more."""
        self.desk.stopping.set()
        self.desk.follower.stop()


def create_app(service: TaskService, settings: Settings, clock: Clock, ids: Ids, *, ready: Callable[[], str]) -> Api:
    """The API of that service. `ready` says '', or why this process can't serve now. It starts no thread yet."""
    access = Access(settings, clock)
    app = Api("dts.api", static_folder=None)
    app.desk = Desk(
        service,
        Follower(service.standings, clock),
        clock,
        ids,
        ready,
        threading.BoundedSemaphore(settings.api_threads * STREAMS_FOR_THREAD),
        # Made when it is first asked for: it takes longer than all the rest of a start.
        cache(partial(openapi, ROUTES, tokens=not access.open)),
    )
    app.url_map.strict_slashes, app.url_map.merge_slashes = True, False
    for route in ROUTES:
        _add(app, route, access, settings)
    _dress(app, access)
    _let_pages_ask(app, frozenset(settings.api_origins))
    _answer_errors(app)
    return app


def _add(app: Api, route: Route, access: Access, settings: Settings) -> None:
    largest = min(route.body.largest or settings.api_body, settings.api_body) if route.body else 1024

    def view(**path: str) -> Response:
        by = settings.api
        if route.role:
            name = access.admit(request.headers, route.role, request.remote_addr or "")
            by = f"{by}/{name}" if name else by
        query = query_of(route.query, request.args)
        asked = Asked(path_of(path), query, body_of(route.body, _body(route, largest)), request.headers, by)
        answer = route.handler(app.desk, asked)
        return answer if isinstance(answer, Response) else _response(answer)

    rule = re.sub(r"\{(\w+)\}", r"<\1>", route.path)
    app.add_url_rule(
        rule, f"{route.method} {route.path}", view, methods=[route.method], provide_automatic_options=False
    )


def _dress(app: Api, access: Access) -> None:
    """What holds for every request, also for those that no route takes."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else app.desk.ids.new()
        g.begun = time.perf_counter()
        access.check_caller(request.headers)
        raw = request.environ.get("RAW_URI", "").partition("?")[0]
        if raw.startswith("//") or re.search(r"%(2f|5c|[01][0-9a-f]|7f)", raw, re.IGNORECASE):
            raise Problem(problems.BAD_PATH, "it begins with two slashes, or has an escaped slash or control character")

    @app.after_request
    def end(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-Id"] = g.request_id
        if log.isEnabledFor(logging.DEBUG):
            spent = 1000 * (time.perf_counter() - g.begun)
            log.debug("%s %s %d %.1f ms %s", request.method, request.path, response.status_code, spent, g.request_id)
        return response


def _let_pages_ask(app: Api, origins: Collection[str]) -> None:
    """CORS: which pages of others a browser lets ask; and what OPTIONS answers, which nobody needs a token for."""

    @app.before_request
    def options() -> Response | None:
        methods = getattr(request.routing_exception, "valid_methods", None)
        if request.method != "OPTIONS" or not methods:
            return None
        allowed = ", ".join(sorted({*methods, "OPTIONS"}))
        response = Response(status=204, headers={"Allow": allowed})
        if request.headers.get("Origin") in origins:
            response.headers["Access-Control-Allow-Methods"] = allowed
            response.headers["Access-Control-Allow-Headers"] = ASKED_WITH
            response.headers["Access-Control-Max-Age"] = "600"
        return response

    @app.after_request
    def allow(response: Response) -> Response:
        if origins:
            response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = ANSWERED_WITH
        return response


def _answer_errors(app: Api) -> None:
    """Whatever is wrong is told as a problem."""

    @app.errorhandler(Problem)
    def refuse(problem: Problem) -> Response:
        return _refusal(problem)

    @app.errorhandler(DtsError)
    def trouble(error: DtsError) -> Response:
        return _refusal(problem_of(error))

    @app.errorhandler(HTTPException)
    def library(error: HTTPException) -> Response:
        kind = problems.BY_STATUS.get(error.code or 500, problems.BAD_REQUEST)
        response = _refusal(Problem(kind, error.description or kind.title))
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        log.error("request %s ended with an error that dts did not expect", g.request_id, exc_info=error)
        return _refusal(Problem(problems.INTERNAL, f"see the log of this process for request {g.request_id}"))


def _body(route: Route, largest: int) -> bytes:
    # One more: of a body whose length was not told, what is beyond the limit would silently be cut off.
    request.max_content_length = largest + 1
    if route.body and request.mimetype != "application/json":
        raise Problem(problems.UNSUPPORTED_MEDIA_TYPE, "send the header `Content-Type: application/json`")
    try:
        raw = request.get_data(cache=False)
    except ClientDisconnected:
        raise Problem(problems.BAD_REQUEST, "the body did not arrive whole, and in time") from None
    except RequestEntityTooLarge:
        raise _too_large(largest) from None
    if len(raw) > largest:
        raise _too_large(largest)
    return raw


def _too_large(largest: int) -> Problem:
    return Problem(problems.TOO_LARGE, f"at most {largest:,} bytes are taken here")


def _response(reply: Reply) -> Response:
    text = encoded(reply.document)
    response = Response(text, reply.status, content_type="application/json")
    response.headers.update(reply.headers)
    if request.method in ("GET", "HEAD") and reply.status == 200:
        response.set_etag(tag_of(text))
        if has_already(request.headers, text):
            response.status_code = 304
            response.set_data(b"")
    return response


def _refusal(problem: Problem) -> Response:
    text = encoded(problems.document(problem, g.get("request_id", "")))
    response = Response(text, problem.kind.status, content_type=CONTENT_TYPE)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(problem.retry_after)))
    if problem.kind is problems.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="dts"'
    return response
