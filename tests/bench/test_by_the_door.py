"""A stage that has a door is measured as its clients see it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from common.cli.root import root


@pytest.mark.timeout(120)
def test_latency_is_measured_from_the_api_on(binary_of: Callable[[str], Path]) -> None:
    binary_of("embedded")
    ended = CliRunner().invoke(root, ["bench", "latency", "--stage", "4", "--quick", "--tasks", "4", "--json"])
    assert ended.exit_code == 0, ended.output
    assert {figure["id"] for figure in json.loads(ended.stdout)["figures"]} == {"latency.p50", "latency.p99"}
