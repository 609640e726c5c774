"""The OpenAPI document says what the API does: requests made from it, good and bad, are answered as it says."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stage4_api.api.app import ROUTES
from stage4_api.api.problems import KINDS
from tests.servers import RedisAt
from tests.stage4.api.conftest import Door, Opens, Yard

CASES = 2000
EXCLUDED = "log/stream"
"""Streams of tasks that wait do not end; they have tests of their own."""


@pytest.mark.timeout(240)
def test_thousands_of_requests_are_answered_as_the_document_says(
    redis_of: Callable[[str], RedisAt], opens: Opens, tmp_path: Path
) -> None:
    yard = Yard(redis_of("real").client())
    door = opens(yard.service, api_token="s3cret")
    door.headers = {"Authorization": "Bearer s3cret"}
    yard.ends(yard.run(door.submit()))
    found = subprocess.run(
        [
            *(Path(sys.executable).with_name("st"), "run", f"{door.server.url}/api/v1/openapi.json"),
            *("--header", "Authorization: Bearer s3cret", "--request-timeout", "20", "--no-color"),
            *("--phases", "coverage,fuzzing", "--max-examples", "70", "--generation-deterministic"),
            # Some rules, like a command that is not blank, are none that a schema can tell.
            *("--exclude-checks", "positive_data_acceptance", "--exclude-path-regex", EXCLUDED),
        ],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout
    counted = re.search(r"(\d+) generated", found.stdout)
    assert counted, found.stdout
    assert int(counted[1]) >= CASES, counted[0]


def test_every_route_and_every_problem_stands_in_it(door: Door) -> None:
    api = door("GET", "/api/v1/openapi.json").json
    assert api["openapi"].startswith("3.1")
    assert {(route.method.lower(), route.path) for route in ROUTES} == {
        (method, path) for path, methods in api["paths"].items() for method in methods
    }
    names = [operation["operationId"] for methods in api["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)
    assert {problem["code"] for problem in api["x-problems"]} == set(KINDS)
    assert "timeout" in api["components"]["schemas"]["Submission"]["properties"]


def test_the_page_for_people_loads_nothing_from_elsewhere(door: Door) -> None:
    page = door("GET", "/docs")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert "/docs/docs.js" in loaded
    for path in loaded:
        assert path.startswith(("/", "data:"))
        if path.startswith("/"):
            assert door("GET", path).status == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
