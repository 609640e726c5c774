"""The doorway: logging in with a token of the API, logging out, and the language of pages."""

from flask import Response, request

from common.tokens import Role
from stage4_api.api.problems import Problem
from stage5_ops.console.catalogue import LANGUAGES
from stage5_ops.console.guard import log_in, way_back
from stage5_ops.console.sessions import new_session
from stage5_ops.console.visit import Page, Said, Visit

YEAR = 365 * 86_400


def ask(visit: Visit) -> Response:
    """The form for a token; for who is in already, on to where he wanted."""
    back = way_back(request.args.get("back", "/"))
    if visit.role is not None:
        return visit.then(back, *visit.told)
    return visit.page("login.html", back=back, wrong="", live=False)


def enter(visit: Visit) -> Response:
    """See the token, and begin a session of who it stands for."""
    console, back = visit.console, way_back(request.form.get("back", "/"))
    if console.access.open:
        return visit.then(back)
    try:
        token = console.access.proved(request.form.get("token", ""))
        console.access.allow(token, Role.VIEWER)
    except Problem as problem:
        return visit.page("login.html", problem.kind.status, back=back, wrong=problem.detail, live=False)
    # Another id than before: one that somebody else may have known is worth nothing.
    log_in(visit, new_session(console.seal, visit.desk.clock.time(), token))
    return visit.then(back)


def leave(visit: Visit) -> Response:
    """End the session in this browser."""
    log_in(visit, new_session(visit.console.seal, visit.desk.clock.time()))
    return visit.then("/login", Said("login.left"))


def speak(visit: Visit) -> Response:
    """Choose the language of pages."""
    wanted, back = request.args.get("to", ""), way_back(request.args.get("back", "/"))
    response = visit.then(back, *visit.told)
    if wanted in LANGUAGES:
        response.set_cookie("dts_language", wanted, YEAR, path="/", httponly=True, samesite="Lax")
    return response


PAGES = [
    Page("GET", "/login", None, ask),
    Page("POST", "/login", None, enter),
    Page("POST", "/logout", None, leave),
    Page("GET", "/language", None, speak),
]
