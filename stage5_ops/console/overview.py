"""The overview: how many tasks stand how, how it went during the last minutes, who is there, and what changed last."""

from flask import Response

from common.domain.query import Query
from common.tokens import Role
from stage5_ops.console.charts import chart
from stage5_ops.console.visit import Page, Visit

NEWEST = 8


def overview(visit: Visit) -> Response:
    """The page at `/`."""
    glance = visit.console.glance
    seen, samples, now = glance.now(), glance.samples(), visit.desk.clock.monotonic()
    newest = visit.desk.service.find(Query(), NEWEST, "")
    agents = seen["agents"]
    live = [one for one in agents if one["state"] == "live"]
    return visit.page(
        "overview.html",
        live=True,
        seen=seen,
        tasks=newest.tasks,
        last=samples[-1] if samples else None,
        pace=chart(samples, now, lambda one: one.rate, lambda one: one.failed),
        depth=chart(samples, now, lambda one: one.waiting, lambda one: one.running),
        agents={
            "live": len(live),
            "away": sum(one["state"] == "gone" for one in agents),
            "shut": sum(one["state"] in ("drained", "quarantined") for one in agents),
            "slots": sum(one["slots"] or 0 for one in live),
            "holds": sum(one["holds"] for one in live),
        },
        lag=None if seen["traffic"] is None else sum(one["waiting"] for one in living(seen["traffic"])),
    )


def living(traffic: list[dict[str, object]]) -> list[dict[str, int]]:
    """Destinations that somebody reads: dead letters wait for ever."""
    return [one for one in traffic if not str(one["name"]).endswith((".dlq", ":dead"))]  # type: ignore[misc]


PAGES = [Page("GET", "/", Role.VIEWER, overview)]
