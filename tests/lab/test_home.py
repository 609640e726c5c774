"""A home is taken by one cluster at a time, and gives back only what that one wrote."""

import threading
from pathlib import Path

import pytest

from common.lab.errors import AlreadyUp, NotUp, UnusableHome
from common.lab.home import Home, Member, State, export


@pytest.fixture
def state() -> State:
    return State(1, "a stage", "embedded", "/", {"DTS_SLOTS": "3"}, [Member("agent-1", "agent", ["true"])])


def test_what_was_written_is_read(home: Path, state: State) -> None:
    Home(home).claim(state)
    assert Home(home).read() == state


def test_only_one_can_take_a_home(home: Path, state: State) -> None:
    Home(home).claim(state)
    with pytest.raises(AlreadyUp, match=r"up already in .*: `dts ps` shows it, `dts down` ends it"):
        Home(home).claim(state)


def test_of_many_at_once_one_gets_it(home: Path, state: State) -> None:
    got: list[str] = []

    def claim() -> None:
        try:
            Home(home).claim(state)
            got.append("taken")
        except AlreadyUp:
            got.append("refused")

    claimants = [threading.Thread(target=claim) for _ in range(8)]
    for claimant in claimants:
        claimant.start()
    for claimant in claimants:
        claimant.join()
    assert sorted(got) == ["refused"] * 7 + ["taken"]


def test_a_home_that_can_not_be_made_is_told_with_what_to_do(state: State) -> None:
    with pytest.raises(UnusableHome, match=r"can't keep a cluster's state in /proc/dts .*set DTS_HOME to a directory"):
        Home(Path("/proc/dts")).claim(state)


def test_a_home_that_is_a_file_is_told(tmp_path: Path, state: State) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusableHome, match="is no directory"):
        Home(tmp_path / "file").claim(state)


def test_where_nothing_is_up_one_is_told_so(home: Path) -> None:
    with pytest.raises(NotUp, match="nothing is up in"):
        Home(home).read()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"members": [{}]}', '{"members": [], "age": 3}'])
def test_damaged_state_is_told_with_what_to_do(home: Path, state: State, text: str) -> None:
    Home(home).claim(state)
    (home / "cluster.run" / "state.json").write_text(text)
    with pytest.raises(UnusableHome, match="is damaged; `dts down` clears it away"):
        Home(home).read()


def test_changes_of_several_at_once_are_all_kept(home: Path, state: State) -> None:
    Home(home).claim(state)

    def count_up() -> None:
        for _ in range(20):
            with Home(home).change() as now:
                now.members[0].ports = [now.members[0].port + 1]

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Home(home).read().members[0].port == 80


def test_a_change_is_kept_also_where_it_ends_in_an_error(home: Path, state: State) -> None:
    Home(home).claim(state)

    def change_and_fail() -> None:
        with Home(home).change() as now:
            now.members[0].pid = 7
            raise KeyError

    with pytest.raises(KeyError):
        change_and_fail()
    assert Home(home).read().members[0].pid == 7


@pytest.mark.parametrize("another_stands_there", [False, True])
def test_whoever_waited_for_a_home_that_was_removed_meanwhile_is_told_so(
    home: Path, state: State, monkeypatch: pytest.MonkeyPatch, another_stands_there: bool
) -> None:
    Home(home).claim(state)

    def wait(*_: object) -> None:
        Home(home).run.rename(home / "removed")
        if another_stands_there:
            Home(home).run.mkdir()

    monkeypatch.setattr("fcntl.flock", wait)
    with pytest.raises(NotUp, match="was just taken down"), Home(home).locked():
        pytest.fail("it should not be had")


def test_all_that_a_cluster_wrote_is_removed_and_nothing_else(home: Path, state: State) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "mine").touch()
    Home(home).claim(state)
    Home(home).data.joinpath("redis").mkdir(parents=True)
    Home(home).remove(keep_data=False)
    assert sorted(home.rglob("*")) == [home / "data", home / "data" / "mine"]


def test_a_home_with_nothing_else_in_it_is_removed(home: Path, state: State) -> None:
    Home(home).claim(state)
    Home(home).remove(keep_data=False)
    assert not home.exists()


def test_data_can_be_kept(home: Path, state: State) -> None:
    Home(home).claim(state)
    Home(home).data.joinpath("redis").mkdir(parents=True)
    Home(home).remove(keep_data=True)
    assert sorted(home.rglob("*")) == [home / "cluster.data", home / "cluster.data" / "redis"]


def test_directories_that_nobody_may_write_to_are_removed_too(home: Path, state: State) -> None:
    Home(home).claim(state)
    locked = Home(home).data / "agent-1" / "work"
    locked.mkdir(parents=True)
    (locked / "file").touch()
    (locked / "gone").symlink_to("/nowhere")
    locked.chmod(0o000)
    Home(home).remove(keep_data=False)
    assert not home.exists()


def test_links_to_a_home_and_ways_around_name_the_same_one(home: Path, state: State) -> None:
    Home(home).claim(state)
    link = home.parent / "link"
    link.symlink_to(home)
    assert Home(link).path == Home(home / ".." / "home").path == Home(home).path


def test_addresses_are_quoted_for_the_shell() -> None:
    assert export({"A": "redis://h:1/0", "B": "it's $HOME"}) == (
        "export A='redis://h:1/0'\nexport B='it'\"'\"'s $HOME'\n"
    )
