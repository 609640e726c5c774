"""The system itself: who leads, who answers, whether the servers do; what is on its way, and what nobody could read."""

from flask import Response

from common.tokens import Role
from stage5_ops.console.visit import Page, Visit


def show_system(visit: Visit) -> Response:
    """Schedulers and their leader, managers, APIs; the health of what they stand on."""
    why = visit.desk.ready()
    return visit.page(
        "system.html", live=True, seen=visit.console.glance.now(), own=visit.console.settings.api, why=why
    )


def show_bus(visit: Visit) -> Response:
    """Topics and what waits in them."""
    return visit.page("bus.html", live=True, seen=visit.console.glance.now())


def show_letters(visit: Visit) -> Response:
    """Messages that nobody could read, newest first."""
    return visit.page("letters.html", live=True, letters=visit.console.glance.now()["letters"])


PAGES = [
    Page("GET", "/system", Role.VIEWER, show_system),
    Page("GET", "/bus", Role.VIEWER, show_bus),
    Page("GET", "/dead-letters", Role.VIEWER, show_letters),
]
