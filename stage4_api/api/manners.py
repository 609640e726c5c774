"""What holds for every request, also for those that no route takes: ids, headers, paths, and pages of others."""

import logging
import re
import time
from collections.abc import Collection

from flask import Flask, Response, g, request

from common.domain.ids import Ids
from common.log_formats import request as request_id
from stage4_api.api.access import Access
from stage4_api.api.problems import BAD_PATH, Problem

log = logging.getLogger("dts.api")

REQUEST_ID = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")
TRICKS = re.compile(r"^//|%(2f|5c|[01][0-9a-f]|7f)", re.IGNORECASE)
"""In a path as it was sent: what a proxy before us may have taken for another one."""
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


def keep_manners(app: Flask, access: Access, ids: Ids, origins: Collection[str]) -> None:
    """Have it done for all requests of this application."""
    _begin_and_end(app, access, ids)
    _answer_options(app, origins)
    if origins:
        _let_pages_ask(app, origins)


def _begin_and_end(app: Flask, access: Access, ids: Ids) -> None:
    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else ids.new()
        request_id.set(g.request_id)
        g.begun = time.perf_counter()
        access.check_caller(request.headers)
        if TRICKS.search(request.environ.get("RAW_URI", "").partition("?")[0]):
            raise Problem(BAD_PATH, "it begins with two slashes, or has an escaped slash or control character")

    @app.after_request
    def end(response: Response) -> Response:
        headers = response.headers
        said = {name for name, _ in headers}
        for name, value in HEADERS.items():
            if name not in said:
                headers.add(name, value)
        headers.add("X-Request-Id", g.request_id)
        if log.isEnabledFor(logging.DEBUG):
            spent = 1000 * (time.perf_counter() - g.begun)
            log.debug("%s %s %d %.1f ms", request.method, request.path, response.status_code, spent)
        return response

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        # The thread goes on with the request of somebody else.
        request_id.set("")


def _answer_options(app: Flask, origins: Collection[str]) -> None:
    """What may be done here; nobody needs a token to know."""

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


def _let_pages_ask(app: Flask, origins: Collection[str]) -> None:
    """CORS: a browser lets these pages read the answers."""

    @app.after_request
    def allow(response: Response) -> Response:
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = ANSWERED_WITH
        return response
