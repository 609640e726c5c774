"""Homes and processes that are cleared away with their test, and no settings from outside."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.lab.cluster import Cluster
from common.lab.home import MARK, Home
from common.lab.processes import KILL, end, marked, spawn
from common.lab.profile import Profile
from tests.conftest import BinaryOf
from tests.lab.members import SLEEPERS, Run


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DTS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home in which a test may leave a cluster running."""
    path = tmp_path / "home"
    yield path
    end(marked(MARK, str(Home(path).path)), KILL)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Starts a command that writes to `log`, with further environment, and ends it with the test."""
    children: list[subprocess.Popen[bytes]] = []

    def start(*argv: str, **env: str) -> "subprocess.Popen[bytes]":
        children.append(spawn(argv, {**os.environ, **env}, tmp_path, tmp_path / "log"))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.wait()


@pytest.fixture(params=list(Profile))
def profile(request: pytest.FixtureRequest, binary_of: BinaryOf) -> str:
    binary_of(request.param)
    return str(request.param)


@pytest.fixture
def embedded(binary_of: BinaryOf) -> str:
    binary_of("embedded")
    return "embedded"


@pytest.fixture
def sleepers(home: Path) -> Iterator[Cluster]:
    """Two members, no server."""
    cluster = Cluster.up(home, SLEEPERS)
    yield cluster
    cluster.down()
