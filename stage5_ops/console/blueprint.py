"""The console as a part of task-api's application: every visit goes through the same checks to its page."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from math import ceil

from flask import Blueprint, Response, g, request
from jinja2 import ChainableUndefined, Environment, PackageLoader, select_autoescape
from werkzeug.exceptions import HTTPException

from common.domain.errors import DtsError
from common.settings import Settings
from stage4_api.api.answers import refusal_of
from stage4_api.api.app import Api
from stage4_api.api.problems import BAD_REQUEST, BY_STATUS, INTERNAL, NOT_FOUND, Problem, problem_of
from stage5_ops.console import agents, assets, doorway, overview, submission, system, task, tasks
from stage5_ops.console.catalogue import LANGUAGES
from stage5_ops.console.glance import Glance
from stage5_ops.console.guard import LIVE, Ended, finish, from_elsewhere, login_path, spoken, visit_of
from stage5_ops.console.sessions import Seal, new_session
from stage5_ops.console.shown import between, exact, moment, number, size, span, text_of, visible
from stage5_ops.console.visit import Console, Page, Said, Visit, gone_to

log = logging.getLogger("dts.console")

PAGES = [
    *overview.PAGES,
    *tasks.PAGES,
    *submission.PAGES,
    *task.PAGES,
    *agents.PAGES,
    *system.PAGES,
    *doorway.PAGES,
]


def add_to(app: Api, settings: Settings) -> Console:
    """Serve the console at `/` of that API, with what the API has. It starts no thread before somebody looks."""
    desk = app.desk
    glance = Glance(desk.service.overview, desk.clock, desk.stopping)
    console = Console(desk, app.access, settings, Seal(settings.rpc_secret), glance, _pages())
    blueprint = Blueprint("console", __name__)
    for page in PAGES:
        _add(blueprint, page, console)
    assets.add_to(blueprint)
    blueprint.after_request(lambda response: finish(console, response))
    _answer_errors(blueprint, console)
    app.register_blueprint(blueprint)
    _answer_the_lost(app, console)
    return console


def _add(blueprint: Blueprint, page: Page, console: Console) -> None:
    def view(**path: str) -> Response:
        if from_elsewhere() and request.method == "GET" and not _let_in():
            return _from_here(console)
        # Before somebody is let in nobody else waits for him.
        with console.desk.working if page.role else nullcontext():
            visit = visit_of(console, page)
            visit.path = path
            return page.handler(visit)

    name = f"{page.method} {page.path}".replace(".", "_")
    blueprint.add_url_rule(page.path, name, view, methods=[page.method], provide_automatic_options=False)


def _let_in() -> bool:
    return any(name.startswith("dts_session_") for name in request.cookies)


def _from_here(console: Console) -> Response:
    """A link on another site led here, and the browser keeps the session to itself: come again, from this page."""
    text = console.pages.get_template("again.html").render(t=spoken(request))
    return Response(text, content_type="text/html; charset=utf-8")


def _pages() -> Environment:
    pages = Environment(
        loader=PackageLoader("stage5_ops.console"),
        autoescape=select_autoescape(default=True),
        # A manager of another version may not say all that pages show.
        undefined=ChainableUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"exact": exact, "moment": moment, "number": number, "size": size, "span": span}
    pages.filters["text_of"] = text_of
    pages.globals |= {"languages": LANGUAGES, "asset": assets.path_of, "here": _here, "took": between}
    return pages


def _here() -> str:
    return request.full_path.rstrip("?") if request.method == "GET" else "/"


def _answer_errors(blueprint: Blueprint, console: Console) -> None:
    @blueprint.errorhandler(Ended)
    def again(ended: Ended) -> Response:
        if request.headers.get(LIVE):
            return Response("the session is over", 401, content_type="text/plain")
        if ended.why:
            visit: Visit = g.visit
            return visit.then(login_path(), Said(ended.why, "note"))
        return gone_to(login_path())

    _tell(blueprint.errorhandler(Problem), console, lambda problem: problem)
    _tell(blueprint.errorhandler(DtsError), console, problem_of)

    @blueprint.errorhandler(HTTPException)
    def library(error: HTTPException) -> Response:
        kind = BY_STATUS.get(error.code or 500, BAD_REQUEST)
        return trouble(console, Problem(kind, error.description or kind.title))

    @blueprint.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        log.error("request %s ended with an error that dts did not expect", g.request_id, exc_info=error)
        return trouble(console, Problem(INTERNAL, f"see the log of this process for request {g.request_id}"))


def _tell(handler: Callable[..., object], console: Console, problem_for: Callable[..., Problem]) -> None:
    handler(lambda error: trouble(console, problem_for(error)))


def _answer_the_lost(app: Api, console: Console) -> None:
    @app.errorhandler(404)
    def nowhere(error: HTTPException) -> Response:
        problem = Problem(NOT_FOUND, error.description or NOT_FOUND.title)
        if request.path.startswith("/api/") or not request.accept_mimetypes.accept_html:
            return refusal_of(problem)
        return finish(console, trouble(console, Problem(NOT_FOUND, "there is no such page")))


def trouble(console: Console, problem: Problem) -> Response:
    """The page that tells of a problem: what was wrong, and what can be done."""
    visit: Visit | None = g.get("visit")
    if visit is None:
        now = console.desk.clock.time()
        visit = Visit(console, new_session(console.seal, now), spoken(request), None, "")
    response = visit.page("problem.html", problem.kind.status, problem=problem, live=False)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, ceil(problem.retry_after)))
    return response
