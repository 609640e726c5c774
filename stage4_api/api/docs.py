"""The API's own description: the OpenAPI document for programs, and a page for people that shows it.

The page and what it loads come from this process, nothing from anywhere else.
"""

from functools import partial
from pathlib import Path

from flask import Response

from stage4_api.api import models
from stage4_api.api.desk import Desk
from stage4_api.api.routes import Answered, Asked, Handler, Reply, Route

PAGES = Path(__file__).parent / "pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def openapi_document(desk: Desk, _asked: Asked) -> Reply:
    """The description of all requests and their answers, as OpenAPI 3.1."""
    return Reply(desk.described())


def _file(name: str, content_type: str, _desk: Desk, _asked: Asked) -> Response:
    response = Response((PAGES / name).read_bytes(), content_type=content_type)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _page(path: str, name: str, content_type: str, about: str) -> Route:
    handler: Handler = partial(_file, name, f"{content_type}; charset=utf-8")
    return Route(
        method="GET",
        path=path,
        role=None,
        handler=handler,
        named=f"page{name.replace('.', ' ').title().replace(' ', '')}",
        about=about,
        answers={200: Answered(about, content_type=content_type)},
    )


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/openapi.json",
        role=None,
        handler=openapi_document,
        answers={200: Answered("The OpenAPI document.", models.Described)},
    ),
    _page("/docs", "docs.html", "text/html", "What the API can do, for people."),
    _page("/docs/docs.js", "docs.js", "text/javascript", "What that page does."),
    _page("/docs/docs.css", "docs.css", "text/css", "How that page looks."),
]
