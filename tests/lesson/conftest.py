"""The command as a person runs it, with nothing set from outside and a place of its own for what it writes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from common.lab.home import MARK, Home
from common.lab.processes import KILL, end, marked

DTS = str(Path(sys.executable).parent / "dts")


@dataclass
class Dts:
    """`dts("look", "--once")` runs a command line to its end. Temporary files go to `tmp`."""

    tmp: Path
    home: Path
    more: dict[str, str] = field(default_factory=dict)

    def __call__(self, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [DTS, *args], env=self.environment(**env), capture_output=True, text=True, timeout=60, check=False
        )

    def start(self, *args: str, **env: str) -> "subprocess.Popen[str]":
        """Run it, and let it go on."""
        pipe = subprocess.PIPE
        return subprocess.Popen([DTS, *args], env=self.environment(**env), stdout=pipe, stderr=pipe, text=True)

    def environment(self, **env: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DTS_", "LC_", "LANG")) and name not in ("NO_COLOR", "COLUMNS")
        }
        here = {"TMPDIR": str(self.tmp), "DTS_HOME": str(self.home), "LANG": "C.UTF-8"}
        return {**kept, **here, **self.more, **env}

    def left_behind(self) -> list[str]:
        """Files in its place for temporary ones, and processes that were started with it."""
        processes = marked("TMPDIR", str(self.tmp)) + marked(MARK, str(self.tmp))
        return [str(path) for path in self.tmp.iterdir()] + [str(process) for process in processes]


@pytest.fixture
def dts(tmp_path: Path, binary_of: Callable[[str], Path]) -> Iterator[Dts]:
    binary_of("embedded")
    with _place(tmp_path) as place:
        yield place


@pytest.fixture
def up(dts: Dts) -> Iterator[Dts]:
    """The same, with stage 1 running in its home, for tests that hurt it."""
    with _running(dts):
        yield dts


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, binary_of: Callable[[str], Path]) -> Iterator[Dts]:
    """The same, one for all tests of a module; they leave only tasks behind."""
    binary_of("embedded")
    with _place(tmp_path_factory.mktemp("running")) as place, _running(place):
        yield place


@contextmanager
def _place(parent: Path) -> Iterator[Dts]:
    tmp = parent / "tmp"
    tmp.mkdir()
    yield Dts(tmp, parent / "home")
    end(marked("TMPDIR", str(tmp)), KILL)


@contextmanager
def _running(dts: Dts) -> Iterator[None]:
    started = dts("up", "1", "-d", DTS_SLOTS="2", DTS_LEASE="2")
    assert started.returncode == 0, started.stderr
    yield
    dts("down")
    end(marked(MARK, str(Home(dts.home).path)), KILL)
