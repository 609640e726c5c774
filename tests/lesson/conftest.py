"""The command as a person runs it, with nothing set from outside and a place of its own for what it writes."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from common.lab.home import MARK, Home
from common.lab.processes import KILL, end, find, marked

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

    def processes(self) -> list[psutil.Process]:
        """All that was started with a place here for its files: programs, servers, agents, and what tasks started."""
        needle = os.fsencode(self.tmp.parent) + b"/"
        return [psutil.Process(pid) for pid in psutil.pids() if needle in _environment(pid)]

    def ports(self) -> list[int]:
        """Where its processes listen."""
        found: list[int] = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                found += [one.laddr.port for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
        return found

    def left_behind(self) -> list[str]:
        """Files in its place for temporary ones and its home, and processes that were started with it."""
        homes = [self.home] if self.home.exists() else []
        return [str(path) for path in (*self.tmp.iterdir(), *homes)] + [str(process) for process in self.processes()]


@pytest.fixture
def dts(tmp_path: Path, binary_of: Callable[[str], Path]) -> Iterator[Dts]:
    binary_of("embedded")
    with place(tmp_path) as here:
        yield here


@pytest.fixture
def up(dts: Dts) -> Iterator[Dts]:
    """The same, with stage 1 running in its home, for tests that hurt it."""
    with _running(dts):
        yield dts


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, binary_of: Callable[[str], Path]) -> Iterator[Dts]:
    """The same, one for all tests of a module; they leave only tasks behind."""
    binary_of("embedded")
    with place(tmp_path_factory.mktemp("running")) as here, _running(here):
        yield here


@contextmanager
def place(parent: Path) -> Iterator[Dts]:
    """A place for one `dts`; whatever it leaves running is ended."""
    tmp = parent / "tmp"
    tmp.mkdir(parents=True)
    dts = Dts(tmp, parent / "home")
    try:
        yield dts
    finally:
        end(filter(None, (find(process.pid) for process in dts.processes())), KILL)


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


@contextmanager
def _running(dts: Dts) -> Iterator[None]:
    started = dts("up", "1", "-d", DTS_SLOTS="2", DTS_LEASE="2")
    assert started.returncode == 0, started.stderr
    yield
    dts("down")
    end(marked(MARK, str(Home(dts.home).path)), KILL)
