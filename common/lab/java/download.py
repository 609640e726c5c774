"""One file from a repository: goes on where an earlier try stopped, and is never seen by its name half-made.

The standard library's client is used: it takes proxies (https_proxy, no_proxy) and certificates (SSL_CERT_FILE,
SSL_CERT_DIR) from the environment, as people have set them for their machine.
"""

import base64
import contextlib
import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from common.lab.errors import DownloadFailed, UnusableHome, WrongChecksum
from common.lab.java.jars import Jar
from common.lab.java.maven import Repository

TRIES = 4
ANSWER_WITHIN = 10.0
"""Seconds without a byte after which a connection is given up."""
PAUSE = 0.5
"""Seconds before the second try; twice as long before each further one."""
PIECE = 65_536
BROKEN = (OSError, http.client.HTTPException)
"""What a network does; urllib's own errors are OSErrors."""

Progress = Callable[[int], None]
"""Told how many bytes came; less than nothing where some have to be fetched again."""


def download(jar: Jar, repository: Repository, folder: Path, stopped: Event, came: Progress = lambda _: None) -> None:
    """Put `jar` into `folder`, whole and checked; blocks until it is there.

    Only one process at a time may download into a folder. Raises DownloadFailed where it can't be had, also when
    `stopped` is set; what has come until then is kept for the next call. Raises WrongChecksum where what is offered
    is not this jar, UnusableHome where the folder can't be written.
    """
    part = folder / f"{jar.name}.part"
    came(_size(part))
    in_one_piece = _fetch(jar, repository, part, stopped, came)
    if not in_one_piece and not jar.is_at(part):
        # What an earlier try left may have been of another file.
        came(-_size(part))
        part.unlink()
        _fetch(jar, repository, part, stopped, came)
    if not jar.is_at(part):
        raise _wrong(jar, repository, part)
    part.replace(folder / jar.name)


def _fetch(jar: Jar, repository: Repository, part: Path, stopped: Event, came: Progress) -> bool:
    """Fill `part`, trying again where the connection breaks; returns whether all of it came in one answer."""
    url = f"{repository.url}/{jar.path}"
    for attempt in range(TRIES):
        begun = _size(part)
        try:
            _fetch_rest(_request(url, repository, begun), repository, part, stopped, came)
            return not begun
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 and error.code not in (408, 429):
                raise _refused(url, error) from error
            last: Exception = error
        except BROKEN as error:
            last = error
        if stopped.wait(PAUSE * 2**attempt if attempt < TRIES - 1 else 0):
            break
    why = "stopped" if stopped.is_set() else getattr(last, "reason", None) or last
    raise DownloadFailed(f"can't fetch {url}: {why} ({TRIES} tries); {ELSEWHERE}") from last


ELSEWHERE = (
    "`dts infra install` again goes on from here, and DTS_MAVEN_URL names a mirror of Maven Central that can be reached"
)


def _request(url: str, repository: Repository, begun: int) -> urllib.request.Request:
    request = urllib.request.Request(url, headers={"User-Agent": "dts"})  # noqa: S310  a Repository has http or https
    if begun:
        request.add_header("Range", f"bytes={begun}-")
    if repository.user:
        login = base64.b64encode(f"{repository.user}:{repository.password}".encode()).decode()
        # Not sent on to where a redirection leads.
        request.add_unredirected_header("Authorization", f"Basic {login}")
    return request


def _fetch_rest(
    request: urllib.request.Request, repository: Repository, part: Path, stopped: Event, came: Progress
) -> None:
    begun = _size(part)
    try:
        response = _opener(repository).open(request, timeout=ANSWER_WITHIN)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # there is no more: all of it has come, or what is here is of another file
            error.close()
            return
        raise
    with response:
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {begun}-")
        came(0 if goes_on else -begun)
        with _writing(part, "ab" if goes_on else "wb") as write:
            while not stopped.is_set() and (piece := response.read(PIECE)):
                write(piece)
                came(len(piece))
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)


@contextlib.contextmanager
def _writing(part: Path, mode: str) -> Iterator[Callable[[bytes], None]]:
    """What the disk refuses is told as such, and not taken for a broken connection."""

    def write(piece: bytes) -> None:
        try:
            file.write(piece)
            file.flush()
        except OSError as error:
            raise UnusableHome(f"can't write {part} ({error.strerror}); make room, or set DTS_JARS") from error

    try:
        file = part.open(mode)
    except OSError as error:
        raise UnusableHome(f"can't write {part} ({error.strerror}); set DTS_JARS to another directory") from error
    with file:
        yield write


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _opener(repository: Repository) -> urllib.request.OpenerDirector:
    if not repository.proxy:
        return urllib.request.build_opener()
    proxies = {"http": repository.proxy, "https": repository.proxy}
    return urllib.request.build_opener(urllib.request.ProxyHandler(proxies))


def _refused(url: str, error: urllib.error.HTTPError) -> DownloadFailed:
    advice = {
        401: "user and password may stand in DTS_MAVEN_URL, or in Maven's settings.xml",
        403: "user and password may stand in DTS_MAVEN_URL, or in Maven's settings.xml",
    }.get(error.code, "is what DTS_MAVEN_URL or Maven's settings.xml name a full mirror of Maven Central?")
    return DownloadFailed(f"can't fetch {url}: {error.code} {error.reason}; {advice}")


def _wrong(jar: Jar, repository: Repository, part: Path) -> WrongChecksum:
    size, got = part.stat().st_size, hashlib.sha256(part.read_bytes()).hexdigest()
    part.unlink()
    return WrongChecksum(
        f"{repository.url}/{jar.path} is not the jar that dts was tested with: expected {jar.size} bytes with SHA-256 "
        f"{jar.sha256}, got {size} bytes with {got}. It was thrown away. A proxy or mirror may have changed it, "
        "or answered with a page of its own: look at that address, or set DTS_MAVEN_URL to another mirror"
    )
