"""Brings the pinned jars onto this machine, once: from Maven's local repository where they are, else by download."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from common.lab.errors import UnusableHome
from common.lab.java.download import Progress, download
from common.lab.java.jars import Jar
from common.lab.java.maven import Maven

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Installed:
    """How the jars came to be in the folder."""

    were_there: int
    copied: int
    downloaded: int


def install(
    jars: Sequence[Jar], folder: Path, maven: Maven, came: Progress = lambda _: None, total: Progress = lambda _: None
) -> Installed:
    """Make sure that all `jars` are in `folder`, their checksums verified; what is right already is left alone.

    Blocks until it is done; another process that installs into the same folder is waited for. May be called again
    at any time, and goes on where it stopped.

    Args:
        came: told of each piece that was downloaded, in bytes.
        total: told once how many bytes have to be downloaded, before the first piece.

    Raises DownloadFailed, WrongChecksum, UnusableHome.
    """
    with _alone_in(folder):
        missing = [jar for jar in jars if not jar.is_at(folder / jar.name)]
        wanted = [jar for jar in missing if not _copied(jar, maven.local, folder)]
        total(sum(jar.size for jar in wanted))
        _download_all(wanted, maven, folder, came)
        return Installed(len(jars) - len(missing), len(missing) - len(wanted), len(wanted))


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
    except OSError as error:
        raise UnusableHome(
            f"can't keep jars in {folder} ({error.strerror or error}); set DTS_JARS to one that can be written to"
        ) from error


def _copied(jar: Jar, repository: Path, folder: Path) -> bool:
    """Take it from Maven's local repository; one that is another there, or can't be read, is left to the download."""
    draft = folder / f"{jar.name}.copy"
    try:
        shutil.copyfile(repository / jar.path, draft)
    except OSError:
        return False
    if jar.is_at(draft):
        draft.replace(folder / jar.name)
        return True
    draft.unlink()
    return False


def _download_all(jars: Sequence[Jar], maven: Maven, folder: Path, came: Progress) -> None:
    """Several at once; where one fails, or this is interrupted, the others stop soon and keep what they have."""
    stopped = Event()
    # Large ones first, so that none of them is left for the end.
    queue = sorted(jars, key=lambda jar: -jar.size)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tasks = [pool.submit(download, jar, maven.remote, folder, stopped, came) for jar in queue]
        try:
            ended, _ = wait(tasks, return_when=FIRST_EXCEPTION)
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    # Of those only that ended by themselves: the others say no more than that they were stopped.
    for task in ended:
        task.result()
