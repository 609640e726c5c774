"""The REST API as a WSGI application: every request goes through the same checks, in one order, to its handler."""

import re
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache, partial

from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from common.clock import Clock
from common.domain.ids import Ids
from common.settings import Settings
from stage4_api.api import agents, bulk, docs, output, problems, story, system, tasks
from stage4_api.api.access import Access
from stage4_api.api.answers import answer_errors, response_of
from stage4_api.api.desk import Desk
from stage4_api.api.follower import Follower
from stage4_api.api.manners import keep_manners
from stage4_api.api.openapi import openapi
from stage4_api.api.problems import Problem
from stage4_api.api.routes import Asked, Route, body_of, path_of, query_of
from stage4_api.task_service import TaskService

STREAMS_FOR_THREAD = 8
"""Requests that wait, for each one that is worked on: those cost a thread that rests."""
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
    access: Access

    def stop(self) -> None:
        """Answer at once, from now on, whatever waits for something; returns when nothing is watched any more."""
        self.desk.stopping.set()
        self.desk.follower.stop()


def create_app(
    service: TaskService,
    settings: Settings,
    clock: Clock,
    ids: Ids,
    *,
    ready: Callable[[], str],
    more: Sequence[Route] = (),
) -> Api:
    """The API of that service, with `more` routes beside its own. It starts no thread yet.

    `ready` says '', or why this process can't serve now.
    """
    routes = [*ROUTES, *more]
    access = Access(settings, clock)
    app = Api("dts.api", static_folder=None)
    app.access = access
    app.desk = Desk(
        service,
        Follower(service.standings, clock),
        clock,
        ids,
        ready,
        threading.BoundedSemaphore(settings.api_threads),
        threading.BoundedSemaphore(settings.api_threads * STREAMS_FOR_THREAD),
        # Made when it is first asked for: it takes longer than all the rest of a start.
        cache(partial(openapi, routes, tokens=not access.open)),
    )
    app.url_map.strict_slashes, app.url_map.merge_slashes = True, False
    for route in routes:
        _add(app, route, access, settings)
    keep_manners(app, access, ids, frozenset(settings.api_origins))
    answer_errors(app)
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
        # Probes are answered however many are worked on.
        with app.desk.working if route.role else nullcontext():
            answer = route.handler(app.desk, asked)
        return answer if isinstance(answer, Response) else response_of(answer)

    rule = re.sub(r"\{(\w+)\}", r"<\1>", route.path)
    name = f"{route.method} {route.path}"
    app.add_url_rule(rule, name, view, methods=[route.method], provide_automatic_options=False)


def _body(route: Route, largest: int) -> bytes:
    if not route.body and not request.content_length and "Transfer-Encoding" not in request.headers:
        return b""
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
