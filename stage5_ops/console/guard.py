"""Guard: who comes to a page, in which session, and whether a post really came from a page of ours."""

import re
from urllib.parse import quote, urlsplit

from flask import Request, Response, g, request

from common.domain.task import MAX_CONTENT
from common.tokens import Role
from stage4_api.api.problems import FORBIDDEN, Problem
from stage5_ops.console.catalogue import Words, language_of, words
from stage5_ops.console.sessions import LASTS, Session, new_session, session_in
from stage5_ops.console.visit import Console, Page, Said, Visit

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load and do: only what this process serves, and no script that stands in the page itself."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    # Without it browsers would not say, with a post, from where it comes.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
    "Vary": "Cookie, Accept-Language",
}
FORM, TALL_FORM = 262_144, 4 * MAX_CONTENT
"""Bytes of a form as it comes, where each byte may be spelt with three."""
TOLD_FOR = 60
"""Seconds within which the next page has to come that tells what was done."""
LIVE = "X-Live"
"""The header of those requests with which a page looks for news."""


class Ended(Exception):
    """There is no session that holds; `why` is a text's id, '' where there was none before."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


def visit_of(console: Console, page: Page) -> Visit:
    """Let somebody in. Raises Ended, or Problem: the role does not do, or a post is not from a page of ours."""
    now = console.desk.clock.time()
    kept = session_in(request.cookies.get(_cookie(console, "session"), ""), console.seal, now)
    session = kept or new_session(console.seal, now)
    visit = Visit(console, session, spoken(request), None, console.settings.api)
    visit.told = _told(console)
    g.visit, g.anew = visit, kept is None
    _see_who(visit, page.role)
    if request.method == "POST":
        _check_post(visit, page)
    return visit


def spoken(asked: Request) -> Words:
    """In which language pages are."""
    return words(language_of(asked.cookies.get("dts_language", ""), asked.accept_languages))


def finish(console: Console, response: Response) -> Response:
    """Headers, and what the browser is to keep."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    visit: Visit | None = g.get("visit")
    if visit is None or from_elsewhere() or (request.headers.get(LIVE) and response.status_code == 401):
        # Whoever is sent here by another site's page still has the session that browsers do not send along then; and
        # to whom only looks for news it is told by the page that he opens next.
        return response
    if g.anew:
        _keep(console, response, "session", visit.session.sealed(console.seal), LASTS)
    if visit.telling:
        told = [[said.text_id, said.kind, dict(said.values)] for said in visit.telling]
        _keep(console, response, "told", console.seal.sealed("told", {"t": told}), TOLD_FOR)
    elif visit.told and response.status_code < 300 and not request.headers.get(LIVE):
        response.delete_cookie(_cookie(console, "told"))
    return response


def log_in(visit: Visit, session: Session) -> None:
    """From now on it is this session."""
    visit.session, g.anew = session, True


def from_elsewhere() -> bool:
    """Whether another site's page made the browser come here."""
    return request.headers.get("Sec-Fetch-Site") == "cross-site"


def way_back(wanted: str) -> str:
    """Where somebody who has logged in goes on: a page of ours, whatever is asked for."""
    fine = re.fullmatch(r"/(?:[A-Za-z0-9._~%=&?:,+/-](?<!//))*", wanted)
    return wanted if fine and wanted.partition("?")[0] not in ("/login", "/logout", "/language") else "/"


def login_path() -> str:
    """Where one logs in, and comes back from to where one is now; of a post, to the page that it came from."""
    here = request.full_path.rstrip("?")
    if request.method == "POST":
        here = urlsplit(request.headers.get("Referer", "")).path or "/"
    return f"/login?back={quote(way_back(here))}"


def _see_who(visit: Visit, role: Role | None) -> None:
    console, name = visit.console, visit.session.name
    if console.access.open:
        console.access.admit(request.headers, role or Role.VIEWER, request.remote_addr or "")
        visit.role = Role.ADMIN
        return
    if not name:
        if role is None:
            return
        raise Ended("login.ended" if _cookie(console, "session") in request.cookies and g.anew else "")
    try:
        token = console.access.named(name)
    except Problem:
        token = None
    if token is None or not visit.session.proves(token, console.seal):
        # It was removed, or is over; a new one of the same name is another one.
        log_in(visit, new_session(console.seal, console.desk.clock.time()))
        if role is None:
            return
        raise Ended("login.over")
    visit.role, visit.by = token.role, f"{console.settings.api}/{token.name}"
    if role is not None:
        console.access.allow(token, role)


def _check_post(visit: Visit, page: Page) -> None:
    request.max_content_length = TALL_FORM if page.tall else FORM
    request.max_form_memory_size = request.max_content_length
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    ours = urlsplit(origin).netloc == request.host if origin else site == "same-origin"
    if not ours or site == "cross-site":
        raise Problem(FORBIDDEN, "this was sent by a page of another site, so it was not done")
    sent = request.form.get("form_key", "")
    if g.anew and not visit.console.access.open:
        raise Ended("login.ended")
    if not sent or sent != visit.session.form_key(visit.console.seal):
        raise Problem(
            FORBIDDEN, "this form is of a session that is over, so it was not done: go back, reload, try again"
        )


def _told(console: Console) -> list[Said]:
    found = console.seal.opened("told", request.cookies.get(_cookie(console, "told"), ""))
    return [Said(text_id, kind, values) for text_id, kind, values in found.get("t", ())]


def _keep(console: Console, response: Response, what: str, value: str, seconds: float) -> None:
    # Behind a proxy that speaks TLS it never goes over the wire in the clear.
    secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
    name = _cookie(console, what)
    response.set_cookie(name, value, int(seconds), path="/", secure=secure, httponly=True, samesite="Strict")


def _cookie(console: Console, what: str) -> str:
    return f"dts_{what}_{console.seal.mark}"
