"""A cluster that is owned goes with its owner, however that one goes."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.lab.cluster import Cluster
from common.lab.home import MARK, Home
from common.lab.processes import marked
from common.lab.until import until
from tests.lab.members import SLEEPERS, nothing_left_of

OWNER = """
import sys
from pathlib import Path
from common.lab.cluster import Cluster
from common.lab.stages import SERVERS_ONLY
with Cluster.owned(Path(sys.argv[1]), SERVERS_ONLY) as cluster:
    print("ready", flush=True)
    sys.stdin.read()
"""

Own = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def own(home: Path, binary_of: Callable[[str], Path]) -> Iterator[Own]:
    """Starts a process that owns a cluster in `home`."""
    binary_of("embedded")
    owners: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", OWNER, str(home)]
        owner = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        owners.append(owner)
        return owner

    yield start
    for owner in owners:
        owner.kill()
        owner.communicate()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_owner_is_killed(own: Own, home: Path, sign: signal.Signals) -> None:
    owner = own()
    assert owner.stdout
    assert owner.stdout.readline() == "ready\n"
    assert len(marked(MARK, str(home))) == 1
    owner.send_signal(sign)
    until(lambda: nothing_left_of(home))


def test_nothing_is_left_when_the_owner_is_killed_while_it_starts(own: Own, home: Path) -> None:
    owner = own()
    until(lambda: Home(home).run.is_dir() and marked(MARK, str(home)), every=0.001)
    owner.kill()
    until(lambda: nothing_left_of(home))


def test_nothing_is_left_when_the_owner_ends_well(own: Own, home: Path) -> None:
    owner = own()
    owner.communicate("")
    assert owner.returncode == 0
    assert nothing_left_of(home)


def test_an_owner_that_is_refused_leaves_alone_what_was_there(own: Own, home: Path) -> None:
    cluster = Cluster.up(home, SLEEPERS)
    owner = own()
    owner.communicate("")
    assert owner.returncode == 1
    assert [member.state for member in cluster.members()] == ["running", "running"]
    cluster.down()


def test_the_guard_does_not_belong_to_the_cluster_in_whose_task_its_owner_runs(
    own: Own, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, "/another/home")
    owner = own()
    assert owner.stdout
    assert owner.stdout.readline() == "ready\n"
    assert [process.pid for process in marked(MARK, "/another/home")] == [owner.pid]
    owner.kill()
    until(lambda: nothing_left_of(home))
