"""A disk that is really full: a file system of a few pages, mounted for one test."""

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = 4096
MOUNTED = (
    'mount -t tmpfs -o size="$2",mode=755 dts-test "$1" && echo mounted && read _; umount --lazy "$1" 2>/dev/null; true'
)
"""Unmounts when the pipe to it closes, so that nothing stays mounted however the test ends."""


class SmallDisk:
    """A file system of `size` bytes, mounted at `path`; needs root."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self._filler = path, path / "filler"
        path.mkdir()
        self._holder = subprocess.Popen(
            ["sh", "-c", MOUNTED, "sh", str(path), str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._holder.stdout
        if self._holder.stdout.readline() != "mounted\n":
            _, why = self._holder.communicate()
            raise AssertionError(f"a full disk can be had by root alone: {why}")

    def fill(self, room: int = 0) -> None:
        """Leave no more than so many bytes free, in whole pages."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(PAGE))
            except OSError as full:
                if full.errno != errno.ENOSPC:
                    raise
            file.truncate(max(0, file.tell() - room // PAGE * PAGE))

    def free(self) -> None:
        """Give back what `fill` took."""
        self._filler.unlink()

    def gone(self) -> None:
        self._holder.communicate("")


@contextmanager
def small_disk(path: Path, size: int = 64 * PAGE) -> Iterator[SmallDisk]:
    """For the block."""
    disk = SmallDisk(path, size)
    try:
        yield disk
    finally:
        disk.gone()
