"""The process itself, and the sums of what there is."""

from common.tokens import Role
from stage4_api.api import models
from stage4_api.api.desk import Desk
from stage4_api.api.problems import NOT_READY, Problem
from stage4_api.api.routes import Answered, Asked, Reply, Route


def healthz(_desk: Desk, _asked: Asked) -> Reply:
    """Whether this process answers at all: where it does not, it wants to be started anew."""
    return Reply({"status": "ok"})


def readyz(desk: Desk, _asked: Asked) -> Reply:
    """Whether this process can serve now: where it can't, requests had better go to another."""
    why = "it is being stopped" if desk.stopping.is_set() else desk.ready()
    if why:
        raise Problem(NOT_READY, why)
    return Reply({"status": "ok"})


def counts(desk: Desk, _asked: Asked) -> Reply:
    """How many tasks each status has."""
    return Reply({"counts": dict(desk.service.counts())})


ROUTES = [
    Route(
        method="GET",
        path="/healthz",
        role=None,
        handler=healthz,
        answers={200: Answered("It answers.", models.Health)},
    ),
    Route(
        method="GET",
        path="/readyz",
        role=None,
        handler=readyz,
        answers={200: Answered("It can serve.", models.Health)},
        problems=(NOT_READY,),
    ),
    Route(
        method="GET",
        path="/api/v1/counts",
        role=Role.VIEWER,
        handler=counts,
        answers={200: Answered("The counts.", models.Counts)},
    ),
]
