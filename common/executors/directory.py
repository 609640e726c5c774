"""The private directory of an attempt: made with mode 0700, gone when the attempt is."""

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from common.domain.task import Task

log = logging.getLogger("dts.executors")


class Directories:
    """Makes and removes the directories of attempts under `work_dir`. Safe to use from many threads."""

    def __init__(self, work_dir: Path) -> None:
        self._work_dir = work_dir.absolute()

    def make(self, task: Task, files: Mapping[str, str]) -> Path:
        """Make the attempt's directory, with these files (name to text) in it; returns its absolute path.

        Raises OSError where the machine can't: no space, no right, a file in the way.
        """
        directory = self._make(f"{task.task_id}.{task.attempt}")
        try:
            for name, text in files.items():
                (directory / name).write_bytes(text.encode())
        except OSError:
            remove_directory(directory)
            raise
        return directory

    def _make(self, name: str) -> Path:
        directory = self._work_dir / name
        try:
            directory.mkdir(0o700)
        except FileNotFoundError:
            self._work_dir.mkdir(0o700, parents=True, exist_ok=True)
            directory.mkdir(0o700)
        except FileExistsError:
            # A killed agent's, or that of another platform with the same ids.
            return Path(tempfile.mkdtemp(prefix=f"{name}.", dir=self._work_dir))
        return directory


def remove_directory(directory: Path) -> None:
    """Remove it with all that is in it, read-only directories too. What can't be removed is logged, never raised."""
    try:
        directory.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        _remove_tree(directory)


def _remove_tree(directory: Path) -> None:
    try:
        try:
            shutil.rmtree(directory)
        except PermissionError:
            _open_up(directory)
            shutil.rmtree(directory)
    except FileNotFoundError:
        pass
    except (OSError, RecursionError) as error:
        log.warning("a task's directory stays behind: %s can't be removed: %s", directory, error)


def _open_up(directory: Path) -> None:
    """Give the owner every right on this directory and all below, without following links."""
    directory.chmod(0o700)
    with os.scandir(directory) as entries:
        below = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for entry in below:
        _open_up(entry)
