"""What a task-api tells: its requests by route and code; its own figures, and where all others are, at its door."""

import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from pydantic import RootModel

from common.contracts import Registry
from common.rpc.providers import addresses_in, group_of
from common.tokens import Role
from stage4_api.api.desk import Desk
from stage4_api.api.routes import Answered, Asked, Document, Reply, Route
from stage5_ops.metrics.endpoint import SERVICE
from stage5_ops.metrics.figures import SECONDS

WAITED = "Preference-Applied"
"""The header of an answer that was asked to come only when there is something new."""


class Target(Document):
    """Processes that tell figures, and what to note beside each of these."""

    targets: list[str]
    labels: dict[str, str]


class Targets(RootModel[list[Target]]):
    """All of them."""


class RequestFigures:
    """How requests were answered. A route is told as it was declared, never as it was asked for."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._requests = Counter(
            "dts_api_requests", "Requests, by route and code.", ["method", "route", "code"], registry=own
        )
        self._seconds = Histogram(
            "dts_api_request_seconds",
            "How long requests took until their answer began; not of those that asked to wait for news.",
            ["method", "route"],
            buckets=SECONDS[:12],
            registry=own,
        )
        self._open = Gauge(
            "dts_api_open_requests", "Requests that are being answered, streams and waits too.", registry=own
        )

    def watch(self, app: Flask) -> None:
        """Count the requests of this application from now on."""

        @app.before_request
        def begin() -> None:
            g.measured_from = time.perf_counter()
            self._open.inc()

        @app.after_request
        def end(response: Response) -> Response:
            route = request.url_rule.rule if request.url_rule else ""
            # Anybody can make up a method; there is no end of them.
            method = request.method if request.url_rule else ""
            self._requests.labels(method, route, response.status_code).inc()
            if WAITED not in response.headers:
                self._seconds.labels(method, route).observe(time.perf_counter() - g.measured_from)
            response.call_on_close(self._open.dec)
            return response


def routes(own: CollectorRegistry, registry: Registry) -> list[Route]:
    """GET /metrics and /metrics/targets, for whoever may look."""

    def metrics(_desk: Desk, asked: Asked) -> Response:
        """The figures of this process, as Prometheus reads them."""
        encode, content_type = choose_encoder(asked.headers.get("Accept", ""))
        return Response(encode(own), content_type=content_type)

    def targets(_desk: Desk, _asked: Asked) -> Reply:
        """Where all processes tell their figures, as Prometheus' HTTP service discovery reads it."""
        found = registry.members(group_of(SERVICE))
        return Reply(
            [
                {
                    "targets": addresses_in({member: info}),
                    "labels": {"role": str(info.get("role", "")), "member": str(info.get("member", ""))},
                }
                for member, info in sorted(found.items(), key=lambda one: str(one[1].get("member", "")))
            ]
        )

    return [
        Route(
            method="GET",
            path="/metrics",
            role=Role.VIEWER,
            handler=metrics,
            answers={200: Answered("The figures.", content_type="text/plain")},
        ),
        Route(
            method="GET",
            path="/metrics/targets",
            role=Role.VIEWER,
            handler=targets,
            answers={200: Answered("The processes that tell figures.", Targets)},
        ),
    ]
