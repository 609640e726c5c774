"""The pinned jars come onto the machine once, from where they are nearest, and are never left half-made."""

import json
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.cli.exits import Exit
from common.lab.errors import DownloadFailed, MissingServer, UnusableHome, WrongChecksum
from common.lab.java import download as module
from common.lab.java.install import Installed, install
from common.lab.java.jars import Jar, all_jars, class_path, default_folder, pinned
from common.lab.java.maven import Maven, Repository
from common.lab.until import until
from tests.lab.java.repository import RemoteRepository, jar_of
from tests.lab.test_commands import COMMAND, run_dts

CONTENTS = [bytes([number]) * (30_000 + number) for number in range(20)]
JARS = [jar_of(content, f"jar{number}") for number, content in enumerate(CONTENTS)]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.001)


@pytest.fixture
def remote() -> Iterator[RemoteRepository]:
    with RemoteRepository() as repository:
        for jar, content in zip(JARS, CONTENTS, strict=True):
            repository.offer(jar, content)
        yield repository


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "jars"


def maven_of(remote: RemoteRepository, local: Path = Path("/nowhere")) -> Maven:
    return Maven(Repository.at(remote.url), local)


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_all_jars_are_fetched_and_a_second_time_there_is_nothing_to_do(remote: RemoteRepository, folder: Path) -> None:
    came: list[int] = []
    total: list[int] = []
    assert install(JARS, folder, maven_of(remote), came.append, total.append) == Installed(0, 0, 20)
    assert sum(came) == sum(map(len, CONTENTS))
    assert total == [sum(map(len, CONTENTS))]
    assert there(folder) == sorted(jar.name for jar in JARS)
    assert install(JARS, folder, maven_of(remote)) == Installed(20, 0, 0)
    assert set(remote.asked.values()) == {1}


def test_a_jar_that_was_damaged_since_is_fetched_again(remote: RemoteRepository, folder: Path) -> None:
    install(JARS, folder, maven_of(remote))
    (folder / JARS[3].name).write_bytes(CONTENTS[3][:-1] + b"?")
    (folder / JARS[4].name).unlink()
    assert install(JARS, folder, maven_of(remote)) == Installed(18, 0, 2)
    assert all(jar.is_at(folder / jar.name) for jar in JARS)


def test_what_maven_has_already_is_taken_from_there_if_it_is_right(
    remote: RemoteRepository, folder: Path, tmp_path: Path
) -> None:
    for jar, content in zip(JARS[:3], [CONTENTS[0], CONTENTS[1], b"something else"], strict=True):
        path = tmp_path / "m2" / jar.path
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert install(JARS, folder, maven_of(remote, tmp_path / "m2")) == Installed(0, 2, 18)
    assert all(jar.is_at(folder / jar.name) for jar in JARS)


def test_one_that_fails_stops_the_others_and_tells_why(remote: RemoteRepository, folder: Path) -> None:
    del remote.files[f"/maven2/{JARS[7].path}"]
    with pytest.raises(DownloadFailed, match=f"{JARS[7].path}: 404"):
        install(JARS, folder, maven_of(remote))
    remote.offer(JARS[7], b"not it")
    with pytest.raises(WrongChecksum, match=JARS[7].name):
        install(JARS, folder, maven_of(remote))
    remote.offer(JARS[7], CONTENTS[7])
    install(JARS, folder, maven_of(remote))
    assert there(folder) == sorted(jar.name for jar in JARS)


def test_a_folder_that_can_not_be_written_is_told(remote: RemoteRepository) -> None:
    with pytest.raises(
        UnusableHome, match=r"can't keep jars in /proc/jars .*; set DTS_JARS to one that can be written"
    ):
        install(JARS, Path("/proc/jars"), maven_of(remote))


def test_two_at_once_fetch_each_jar_once(remote: RemoteRepository, folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=install, args=(JARS, folder, maven_of(remote))) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert set(remote.asked.values()) == {1}
    assert len(there(folder)) == len(JARS)


def test_the_list_pins_every_jar_once_for_each_server() -> None:
    assert set(pinned()) == {"zookeeper", "kafka"}
    jars = all_jars()
    assert len({jar.name for jar in jars}) == len(jars)
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)
    assert {jar.version for jar in jars if jar.artifact == "slf4j-api"} == {"1.7.36", "2.0.13"}


def test_a_class_path_names_the_jars_of_one_server_or_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingServer, match=r"zookeeper can't start: 6 of its 6 jars are not in .*`dts infra install`"):
        class_path("zookeeper", tmp_path)
    for jar in pinned()["zookeeper"]:
        with (tmp_path / jar.name).open("wb") as file:
            file.truncate(jar.size)
    assert class_path("zookeeper", tmp_path).split(":") == [str(tmp_path / jar.name) for jar in pinned()["zookeeper"]]


def test_jars_are_kept_where_caches_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert default_folder() == Path("/elsewhere/dts/jars")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_folder() == Path("/home/somebody/.cache/dts/jars")


def test_the_command_says_what_it_did_and_where_it_failed(tmp_path: Path, remote: RemoteRepository) -> None:
    settings = {"DTS_JARS": str(tmp_path / "jars"), "DTS_MAVEN_URL": remote.url, "HOME": str(tmp_path)}
    failed = run_dts(tmp_path, "infra", "install", **settings)
    assert failed.returncode == Exit.UNREACHABLE
    assert f"dts: can't fetch {remote.url}/" in failed.stderr
    assert ": 404 Not Found" in failed.stderr
    for jar in all_jars():
        remote.offer(jar, b"not it")
    wrong = run_dts(tmp_path, "infra", "install", **settings)
    assert wrong.returncode == Exit.FAILED
    assert "got 6 bytes with" in wrong.stderr
    odd = run_dts(tmp_path, "infra", "install", **{**settings, "DTS_MAVEN_URL": "ftp://host"})
    assert (odd.returncode, odd.stderr.startswith("dts: DTS_MAVEN_URL: 'ftp://host' is no http")) == (Exit.USAGE, True)


def test_the_command_finds_all_there_a_second_time(tmp_path: Path, zookeeper: object) -> None:
    del zookeeper  # skips, or fails, where there are no jars
    done = run_dts(tmp_path, "infra", "install", "--json", DTS_MAVEN_URL="http://127.0.0.1:1")
    assert done.returncode == Exit.OK, done.stderr
    told = json.loads(done.stdout)
    assert told["jars"]["present"] == len(all_jars())
    assert told["jars"]["downloaded"] == 0
    assert told["java"]["path"]
    done = run_dts(tmp_path, "infra", "install", DTS_MAVEN_URL="http://127.0.0.1:1")
    assert f"{len(all_jars())} jars in {default_folder()}: nothing to do\nJava " in done.stdout


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_ended_in_the_middle_leaves_nothing_that_looks_whole(
    tmp_path: Path, sign: signal.Signals
) -> None:
    largest = max(all_jars(), key=lambda jar: jar.size)
    folder = tmp_path / "jars"
    with RemoteRepository() as remote:
        for jar in all_jars():
            remote.offer(jar, b"x" * 1_000)
            remote.breaks_after[f"/maven2/{jar.path}"] = [900] * 100
        settings = {**os.environ, "DTS_JARS": str(folder), "DTS_MAVEN_URL": remote.url, "HOME": str(tmp_path)}
        process = subprocess.Popen([*COMMAND, "infra", "install"], env=settings, stderr=subprocess.PIPE, text=True)
        until((folder / f"{largest.name}.part").exists, every=0.001)
        process.send_signal(sign)
        process.communicate(timeout=20)
        assert process.returncode == (Exit.INTERRUPTED if sign == signal.SIGINT else -sign)
    assert not [jar for jar in all_jars() if (folder / jar.name).exists()]


def test_each_jar_is_hashed_in_full(tmp_path: Path) -> None:
    jar: Jar = JARS[0]
    file = tmp_path / jar.name
    assert not jar.is_at(file)
    file.write_bytes(CONTENTS[0])
    assert jar.is_at(file)
    file.write_bytes(CONTENTS[0][:-1] + b"?")
    assert not jar.is_at(file)
