"""What a page works with: the console, and one visit of somebody to one of its pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Response
from jinja2 import Environment

from common.settings import Settings
from common.tokens import Role
from stage4_api.api.access import Access
from stage4_api.api.desk import Desk
from stage5_ops.console.catalogue import Words
from stage5_ops.console.glance import Glance
from stage5_ops.console.sessions import Seal, Session


@dataclass(frozen=True, slots=True)
class Console:
    """Shared by all visits to one process; safe to use from many threads."""

    desk: Desk
    access: Access
    settings: Settings
    seal: Seal
    glance: Glance
    pages: Environment


@dataclass(frozen=True, slots=True)
class Said:
    """What the next page says of what was just done."""

    text_id: str
    kind: str = "good"
    """good, or note where it was not as asked for."""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Visit:
    """One request to a page, let in."""

    console: Console
    session: Session
    words: Words
    role: Role | None
    """None before somebody has logged in."""
    by: str
    """Who asks, for histories."""
    told: Sequence[Said] = ()
    """By the page before."""
    telling: list[Said] = field(default_factory=list)
    """To the next page."""
    path: Mapping[str, str] = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        return self.console.desk

    def may(self, role: str) -> bool:
        """Whether who looks may do what needs that role."""
        return self.role is not None and self.role.covers(Role(role))

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """The page, in the language of who looks."""
        text = self.console.pages.get_template(template).render(
            visit=self, t=self.words, now=self.desk.clock.time(), **values
        )
        return Response(text.encode(errors="replace"), status, content_type="text/html; charset=utf-8")

    def then(self, where: str, *said: Said) -> Response:
        """Go on there, where `said` is told."""
        self.telling += said
        return gone_to(where)


def gone_to(where: str) -> Response:
    """Look there, with GET, whatever this was."""
    return Response("", 303, {"Location": where}, content_type="text/plain")


@dataclass(frozen=True, slots=True)
class Page:
    """One method of one path. `role` None serves everybody, without a session."""

    method: str
    path: str
    role: Role | None
    handler: Callable[[Visit], Response]
    tall: bool = False
    """Whether its form may hold a whole task."""
