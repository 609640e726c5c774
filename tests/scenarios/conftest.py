"""A world of its own for each test, on each profile."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.lab.in_process import InProcessWorld
from common.lab.scenario import Scenario
from common.lab.stages import StageSpec, stage
from common.lab.worlds import IN_PROCESS, World, private


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DTS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def spec() -> StageSpec:
    return stage("1")


@pytest.fixture
def scenario(spec: StageSpec) -> Scenario:
    assert spec.scenario
    return spec.scenario()


@pytest.fixture(params=["fake", "embedded", "real"])
def profile(request: pytest.FixtureRequest, binary_of: Callable[[str], Path]) -> str:
    name = str(request.param)
    if name != IN_PROCESS:
        binary_of(name)
    return name


@pytest.fixture
def world(spec: StageSpec, scenario: Scenario, profile: str) -> Iterator[World]:
    with private(spec, profile, scenario.settings) as running:
        yield running


@pytest.fixture
def inside(spec: StageSpec, scenario: Scenario) -> Iterator[InProcessWorld]:
    """The world without servers, which is the quickest."""
    with private(spec, IN_PROCESS, scenario.settings) as running:
        assert isinstance(running, InProcessWorld)
        yield running
