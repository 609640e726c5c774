"""Workplace: the directory in which one boot's tasks run, apart from those of every other boot."""

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.executors.directory import remove_directory
from common.executors.leftovers import kill_marked
from common.executors.remains import end_noted_groups, note_groups

log = logging.getLogger("dts.agent")


class Workplace:
    """`<work>/<agent>/<boot>`, locked while that boot lives: so one that lives is told from one that is gone.

    Two platforms may share a machine, a directory and an agent id, and never touch each other's.
    """

    def __init__(self, parent: Path, boot: str) -> None:
        self._parent, self._boot = parent, boot
        self.path = parent / boot
        self._lock: int | None = None

    def open(self, groups: Sequence[Path] = ()) -> None:
        """Make and lock it, and note the control groups of this boot, for who must end what it leaves behind.

        Where that can't be done it is said, and every task will end with that error.
        """
        try:
            self.path.mkdir(0o700, parents=True, exist_ok=True)
            self._lock = _locked(self.path)
            note_groups(self.path, groups)
        except OSError as error:
            log.warning("no task can run here: can't make the directory %s: %s", self.path, error.strerror)

    def clear(self) -> None:
        """End what boots that are gone left running, and remove what they left on disk; may block for seconds."""
        for directory in self._others():
            try:
                lock = _locked(directory)
            except OSError:
                # It lives, and nothing of it is ours to end; or it has just been removed by itself.
                continue
            end_noted_groups(directory)
            kill_marked({"DTS_BOOT": directory.name}, spare=os.getpid())
            remove_directory(directory)
            os.close(lock)

    def remove(self) -> None:
        """Remove it; nothing may run there any more."""
        if self._lock is not None:
            remove_directory(self.path)
            self.leave()

    def leave(self) -> None:
        """Unlock it and let all stand as it is."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _others(self) -> Iterator[Path]:
        with contextlib.suppress(OSError), os.scandir(self._parent) as entries:
            for entry in entries:
                if entry.name != self._boot and entry.is_dir(follow_symlinks=False):
                    yield Path(entry)


def _locked(directory: Path) -> int:
    """Lock it for as long as the descriptor stays open. Raises OSError where another has."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle
