"""The API's own figures at its door, and where all others are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from common.clock import SystemClock
from common.domain.ids import Ids
from common.registries.memory import MemoryBroker, MemoryRegistry
from common.rpc.providers import offer
from common.settings import Settings
from common.store.tasks import TaskStore
from common.tokens import Role, append_token, new_token
from stage4_api.api.app import create_app
from stage4_api.store_service import StoreService
from stage5_ops.metrics.api import RequestFigures, routes
from stage5_ops.metrics.endpoint import SERVICE
from stage5_ops.metrics.figures import figures
from tests.servers import FakeAt


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    found = MemoryRegistry(MemoryBroker())
    yield found
    found.close()


def _client(registry: MemoryRegistry, **settings: object) -> FlaskClient:
    clock = SystemClock()
    ids, measures = Ids(clock), figures("api", "api-1")
    known = Settings.load({}, api="api-1", **settings)
    service = StoreService(TaskStore(FakeAt().client()), ids)
    app = create_app(service, known, clock, ids, ready=str, more=routes(measures, registry))
    RequestFigures(measures).watch(app)
    return app.test_client()


def test_requests_are_counted_by_the_route_that_took_them(registry: MemoryRegistry) -> None:
    client = _client(registry)
    asked = [("GET", f"/api/v1/tasks/{task_id}") for task_id in ("a", "b", "c")]
    for method, path in [*asked, ("GET", "/nowhere/at/all"), ("MADEUP", "/nowhere")]:
        with client.open(path, method=method) as answer:
            assert answer.status_code == 404
    text = client.get("/metrics").get_data(as_text=True)
    assert 'dts_api_requests_total{code="404",method="GET",route="/api/v1/tasks/<taskId>"} 3.0' in text
    assert 'dts_api_requests_total{code="404",method="",route=""} 2.0' in text
    assert "nowhere" not in text
    assert "MADEUP" not in text
    assert "dts_api_open_requests 1.0" in text, "this very one"


def test_who_asks_to_wait_is_not_counted_as_slow(registry: MemoryRegistry) -> None:
    client = _client(registry)
    task_id = client.post("/api/v1/tasks", json={"content": "true"}).json["taskId"]  # type: ignore[index]
    path = f"/api/v1/tasks/{task_id}"
    assert client.get(path, headers={"Prefer": "wait=1"}).status_code == 200
    route = 'method="GET",route="/api/v1/tasks/<taskId>"'
    text = client.get("/metrics").get_data(as_text=True)
    assert f'dts_api_requests_total{{code="200",{route}}} 1.0' in text
    assert f"dts_api_request_seconds_count{{{route}}}" not in text
    assert client.get(path).status_code == 200
    assert f"dts_api_request_seconds_count{{{route}}} 1.0" in client.get("/metrics").get_data(as_text=True)


def test_the_targets_are_those_that_the_registry_knows(registry: MemoryRegistry) -> None:
    client = _client(registry)
    assert client.get("/metrics/targets").json == []
    for role, port in (("scheduler", 2), ("agent", 1)):
        offer(registry, SERVICE, f"127.0.0.1:{port}", {"boot": role, "role": role, "member": f"{role}-1"})
    assert client.get("/metrics/targets").json == [
        {"targets": ["127.0.0.1:1"], "labels": {"role": "agent", "member": "agent-1"}},
        {"targets": ["127.0.0.1:2"], "labels": {"role": "scheduler", "member": "scheduler-1"}},
    ]


@pytest.mark.parametrize("path", ["/metrics", "/metrics/targets"])
def test_only_who_may_look_sees_figures(registry: MemoryRegistry, tmp_path: Path, path: str) -> None:
    secret, token = new_token("prometheus", Role.VIEWER)
    append_token(tmp_path / "tokens", token)
    client = _client(registry, api_tokens=tmp_path / "tokens")
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_the_document_tells_of_both(registry: MemoryRegistry) -> None:
    document = _client(registry).get("/api/v1/openapi.json").json
    assert document
    assert {"/metrics", "/metrics/targets"} <= set(document["paths"])
