"""The nursery: roles that are forked are what they would be if each had been started by itself."""

import os
import shlex
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from common.lab import launch, nursery
from common.lab.cluster import Cluster
from common.lab.errors import StartFailed
from common.lab.home import MARK, Home, Member, State
from common.lab.processes import KILL, end, marked
from common.lab.stages import USUAL, MemberSpec, StageSpec, stage
from common.lab.teardown import TakenDown
from common.lab.until import until
from tests.lab.members import nothing_left_of

PROGRAM = """
import os, signal, sys, time

def main(words, prog_name):
    usual = signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
    print(*words, prog_name, os.environ.get("DTS_COLOUR"), os.getsid(0) == os.getpid(), usual, flush=True)
    time.sleep(1000)

if __name__ == "__main__":
    main(sys.argv[1:], "by itself")
"""

ENDS_SOON = """
import time

def main(words, prog_name):
    time.sleep(0.5)
    raise SystemExit("a " + "reason")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that roles can be of, where what is started finds it."""
    folder = tmp_path / "code" / "a_stage"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder.parent), os.environ.get("PYTHONPATH", "")]))
    return folder


def roles_of(package: Path, *names: str) -> StageSpec:
    members = [MemberSpec(name, "sleeper", (sys.executable, "-m", package.name, "be", name)) for name in names]
    return StageSpec(9, "a stage of a test", lambda _: members, secrets=("DTS_SECRET",))


@pytest.fixture
def pair(home: Path, package: Path) -> Iterator[Cluster]:
    cluster = Cluster.up(home, roles_of(package, "one", "two"), env={"DTS_COLOUR": "green"})
    yield cluster
    cluster.down()
    assert nothing_left_of(home)


def command_line(member: Member) -> list[str]:
    text = Path(f"/proc/{member.pid}/cmdline").read_text()
    return text.rstrip("\0").split("\0")


def test_a_forked_role_has_its_own_command_line_words_environment_session_and_log(pair: Cluster) -> None:
    for member in pair.members():
        until(lambda member=member: command_line(member) == [shlex.join(member.argv)])  # type: ignore[misc]
        said = f"be {member.name} python -m a_stage green True True\n"
        until(lambda said=said, member=member: pair.log(member.name).read_text() == said)  # type: ignore[misc]


def test_one_that_is_started_again_is_started_by_itself(pair: Cluster) -> None:
    pair.fault("kill", "two")
    assert pair.member("two").state == "dead"
    pair.start("two")
    until(lambda: "by itself" in pair.log("two").read_text())
    assert command_line(pair.member("two")) == list(pair.member("two").argv)


def test_it_is_gone_when_all_are_up_and_its_mark_stays_on_what_it_started(pair: Cluster, home: Path) -> None:
    found = {process.pid for process in marked(MARK, str(Home(home).path))}
    assert found == {member.pid for member in pair.members()}


@pytest.fixture
def hurt(home: Path, package: Path) -> Iterator[Cluster]:
    with Cluster.owned(home, roles_of(package, "one", "two"), env={"DTS_COLOUR": "green"}) as cluster:
        yield cluster
    assert nothing_left_of(home)


def test_where_roles_are_going_to_be_hurt_it_stays_and_they_are_forked_again(hurt: Cluster) -> None:
    first = hurt.member("two")
    hurt.fault("kill", "two")
    hurt.start("two")
    second = hurt.member("two")
    assert second.pid != first.pid
    until(lambda: hurt.log("two").read_text() == 2 * "be two python -m a_stage green True True\n")
    assert command_line(second) == [shlex.join(second.argv)]


def test_one_that_was_killed_with_all_the_others_is_not_missed(hurt: Cluster, home: Path) -> None:
    end(marked(MARK, str(Home(home).path)), KILL)
    hurt.start("two")
    until(lambda: "by itself" in hurt.log("two").read_text())


def test_its_end_is_no_stray(hurt: Cluster) -> None:
    assert hurt.down() == TakenDown(["two", "one"], 0)


def test_what_others_may_see_of_its_environment_has_no_secrets(pair: Cluster) -> None:
    for member in pair.members():
        shown = Path(f"/proc/{member.pid}/environ").read_text()
        assert "DTS_COLOUR=green" in shown
        assert "DTS_SECRET" not in shown


def test_roles_that_can_not_be_loaded_say_why_and_nothing_is_left(home: Path, package: Path) -> None:
    (package / "__main__.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(StartFailed, match="the roles can't be loaded") as caught:
        Cluster.up(home, roles_of(package, "one", "two"))
    assert "No module named 'nothing_of_this_name'" in caught.value.log
    assert nothing_left_of(home)


def test_roles_that_never_come_to_be_loaded_are_given_up(
    home: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nursery, "WITHIN", 0.5)
    (package / "__main__.py").write_text("import threading\nthreading.Event().wait()\n")
    with pytest.raises(StartFailed, match="the roles can't be loaded"):
        Cluster.up(home, roles_of(package, "one", "two"))
    assert nothing_left_of(home)


def test_a_role_that_ends_soon_is_dead_and_its_log_says_why(home: Path, package: Path) -> None:
    (package / "__main__.py").write_text(ENDS_SOON)
    cluster = Cluster.up(home, roles_of(package, "one", "two"))
    try:
        until(lambda: [member.state for member in cluster.members()] == ["dead", "dead"])
        assert cluster.log("one").read_text() == "a reason\n"
    finally:
        cluster.down()


def test_one_role_alone_is_not_worth_it(home: Path, package: Path) -> None:
    cluster = Cluster.up(home, roles_of(package, "one"))
    try:
        until(lambda: "by itself" in cluster.log("one").read_text())
    finally:
        cluster.down()


@pytest.mark.parametrize("real", [False, True])
def test_what_the_roles_of_a_stage_would_load_later_is_loaded_too(real: bool) -> None:
    specs = [spec for spec in stage("5").members(USUAL) if real or not spec.real]
    members = [Member(spec.name, spec.role, list(spec.argv)) for spec in specs]
    modules = launch.preloaded(State(5, "", "", "", {}, members))
    if real:
        assert modules == ["stage5_ops.__main__", "common.registries.zookeeper", "common.transports.kafka_bus"]
    else:
        assert modules == ["stage5_ops.__main__", "common.registries.redis_lease", "common.transports.redis_bus"]
    for name in modules:
        assert find_spec(name)
