"""A download goes on where it stopped, and a jar is there by its name only when it is whole and right."""

import base64
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from common.lab.errors import DownloadFailed, UnusableHome, WrongChecksum
from common.lab.java import download as module
from common.lab.java.download import TRIES, download
from common.lab.java.maven import Repository
from common.lab.ports import free_ports
from tests.lab.java.repository import CONTENT, RemoteRepository, jar_of

JAR = jar_of()
PATH = f"/maven2/{JAR.path}"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.001)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def remote() -> Iterator[RemoteRepository]:
    with RemoteRepository() as repository:
        repository.offer(JAR)
        yield repository


def fetch(remote: RemoteRepository, folder: Path) -> list[int]:
    """Download it; returns the pieces that came."""
    came: list[int] = []
    download(JAR, Repository.at(remote.url), folder, Event(), came.append)
    return came


def test_a_jar_is_fetched_and_nothing_else_is_left(remote: RemoteRepository, tmp_path: Path) -> None:
    came = fetch(remote, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [JAR.name]
    assert (tmp_path / JAR.name).read_bytes() == CONTENT
    assert sum(came) == len(CONTENT)
    assert remote.headers[0]["User-Agent"] == "dts"


def test_a_connection_that_breaks_again_and_again_is_gone_on_with(remote: RemoteRepository, tmp_path: Path) -> None:
    remote.breaks_after[PATH] = [100_000, 0, 200_000]
    came = fetch(remote, tmp_path)
    assert (tmp_path / JAR.name).read_bytes() == CONTENT
    assert sum(came) == len(CONTENT)
    asked = [headers.get("Range") for headers in remote.headers]
    assert asked == [None, "bytes=100000-", "bytes=100000-", "bytes=300000-"]


def test_the_next_call_goes_on_with_what_has_come(remote: RemoteRepository, tmp_path: Path) -> None:
    remote.breaks_after[PATH] = [50_000] * TRIES
    with pytest.raises(DownloadFailed, match=rf"can't fetch {remote.url}/{JAR.path}: .*\({TRIES} tries\); `dts infra"):
        fetch(remote, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{JAR.name}.part"]
    came = fetch(remote, tmp_path)
    assert remote.headers[-1]["Range"] == f"bytes={50_000 * TRIES}-"
    assert came[0] == 50_000 * TRIES
    assert sum(came) == len(CONTENT)
    assert (tmp_path / JAR.name).read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_is_asked_for_all_of_it_again(remote: RemoteRepository, tmp_path: Path) -> None:
    remote.ranges = False
    remote.breaks_after[PATH] = [100_000]
    came = fetch(remote, tmp_path)
    assert (tmp_path / JAR.name).read_bytes() == CONTENT
    assert sum(came) == len(CONTENT)


@pytest.mark.parametrize("left", [b"of another file", CONTENT[:-1] + b"?", CONTENT + b"more"], ids=len)
def test_what_an_earlier_try_left_of_another_file_is_thrown_away(
    remote: RemoteRepository, tmp_path: Path, left: bytes
) -> None:
    (tmp_path / f"{JAR.name}.part").write_bytes(left)
    came = fetch(remote, tmp_path)
    assert (tmp_path / JAR.name).read_bytes() == CONTENT
    assert sum(came) == len(CONTENT)


def test_what_has_come_whole_is_not_fetched_again(remote: RemoteRepository, tmp_path: Path) -> None:
    (tmp_path / f"{JAR.name}.part").write_bytes(CONTENT)
    fetch(remote, tmp_path)
    assert (tmp_path / JAR.name).read_bytes() == CONTENT
    assert remote.asked[PATH] <= 1


@pytest.mark.parametrize("offered", [b"<html>Log in here</html>", CONTENT[:-1] + b"?", b""], ids=len)
def test_another_file_in_its_place_is_refused_with_all_that_one_needs_to_know(
    remote: RemoteRepository, tmp_path: Path, offered: bytes
) -> None:
    remote.offer(JAR, offered)
    with pytest.raises(WrongChecksum) as refused:
        fetch(remote, tmp_path)
    other = jar_of(offered)
    assert f"{remote.url}/{JAR.path} is not the jar" in str(refused.value)
    assert f"expected {JAR.size} bytes with SHA-256 {JAR.sha256}" in str(refused.value)
    assert f"got {other.size} bytes with {other.sha256}" in str(refused.value)
    assert "DTS_MAVEN_URL" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_told_at_once(remote: RemoteRepository, tmp_path: Path) -> None:
    remote.files.clear()
    with pytest.raises(DownloadFailed, match=f"can't fetch {remote.url}/{JAR.path}: 404 Not Found; is what DTS_MAVEN"):
        fetch(remote, tmp_path)
    assert remote.asked[PATH] == 1


def test_a_server_in_trouble_is_asked_again(remote: RemoteRepository, tmp_path: Path) -> None:
    remote.status = [503, 429, 500]
    fetch(remote, tmp_path)
    assert (tmp_path / JAR.name).read_bytes() == CONTENT


def test_a_repository_that_can_not_be_reached_is_named_with_what_to_do(tmp_path: Path) -> None:
    nowhere = Repository.at(f"http://user:secret@127.0.0.1:{next(free_ports())}/maven2")
    with pytest.raises(DownloadFailed) as failed:
        download(JAR, nowhere, tmp_path, Event())
    assert f"{nowhere.url}/{JAR.path}: [Errno 111] Connection refused" in str(failed.value)
    assert "DTS_MAVEN_URL names a mirror" in str(failed.value)
    assert "secret" not in str(failed.value)


def test_a_server_that_falls_silent_is_given_up(
    remote: RemoteRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_WITHIN", 0.1)
    end = Event()
    remote.at_request = lambda: end.wait(10)
    with pytest.raises(DownloadFailed, match="timed out"):
        fetch(remote, tmp_path)
    end.set()


def test_one_that_is_stopped_keeps_what_has_come(remote: RemoteRepository, tmp_path: Path) -> None:
    stopped = Event()
    with pytest.raises(DownloadFailed, match="stopped"):
        download(JAR, Repository.at(remote.url), tmp_path, stopped, lambda size: stopped.set() if size else None)
    assert 0 < (tmp_path / f"{JAR.name}.part").stat().st_size < JAR.size


def test_a_password_is_sent_where_it_belongs_and_not_where_that_leads(remote: RemoteRepository, tmp_path: Path) -> None:
    with RemoteRepository() as front:
        front.redirect = remote.url
        address = front.url.replace("//", "//a%40b:s:ecret@")
        download(JAR, Repository.at(address), tmp_path, Event())
        sent = base64.b64encode(b"a@b:s:ecret").decode()
        assert front.headers[0]["Authorization"] == f"Basic {sent}"
        assert "Authorization" not in remote.headers[0]
    assert (tmp_path / JAR.name).read_bytes() == CONTENT


def test_where_a_password_is_missing_one_is_told_where_it_goes(remote: RemoteRepository, tmp_path: Path) -> None:
    remote.login = "Basic other"
    with pytest.raises(DownloadFailed, match=r"401 Unauthorized; user and password may stand in DTS_MAVEN_URL, or in"):
        fetch(remote, tmp_path)


def test_the_proxy_of_the_environment_is_used(
    remote: RemoteRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", remote.url.removesuffix("/maven2"))
    monkeypatch.delenv("no_proxy", raising=False)
    download(JAR, Repository.at("http://repository.invalid/maven2"), tmp_path, Event())
    assert (tmp_path / JAR.name).read_bytes() == CONTENT


def test_the_proxy_that_maven_names_is_used(remote: RemoteRepository, tmp_path: Path) -> None:
    proxy = remote.url.removesuffix("/maven2")
    download(JAR, Repository.at("http://repository.invalid/maven2", proxy=proxy), tmp_path, Event())
    assert (tmp_path / JAR.name).read_bytes() == CONTENT


def test_a_disk_that_takes_nothing_is_told_and_not_taken_for_the_network(
    remote: RemoteRepository, tmp_path: Path
) -> None:
    (tmp_path / f"{JAR.name}.part").symlink_to("/dev/full")
    with pytest.raises(
        UnusableHome, match=r"can't write .*\.part \(No space left on device\); make room, or set DTS_J"
    ):
        fetch(remote, tmp_path)
    assert remote.asked[PATH] == 1
