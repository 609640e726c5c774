"""A cluster's state on disk, under one home (DTS_HOME).

    <home>/cluster.run/              exists while a cluster stands here; making it is the lock against a second one
    <home>/cluster.run/state.json    what it consists of, replaced as a whole; changed only under a lock on the folder
    <home>/cluster.run/env           where its servers are, as the lines that `dts env` prints; there once they answer
    <home>/cluster.run/<name>.log    what each member printed
    <home>/cluster.data/<name>/      what a member keeps: a server's data, an agent's spool and work

Nothing else in the home is ever touched: it may be a directory in which a person keeps other things.
"""

import contextlib
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from common.lab.errors import AlreadyUp, NoSuchMember, NotUp, UnusableHome
from common.lab.processes import Process, fenced_child

STATE = "state.json"
MARK = "DTS_CLUSTER"
"""Stands in the environment of every member, and of every task of theirs; its value is the home's path.

So what belongs to a cluster is found also when its state is lost, or when the agent that started it is gone.
"""


@dataclass(slots=True)
class Member:
    """One process of the cluster, as it was last started."""

    name: str
    role: str
    argv: list[str]
    ports: list[int] = field(default_factory=list)
    """A server's ports, the one for clients first; it has them for as long as its cluster stands."""
    pid: int = 0
    started: int = 0
    through: str = ""
    """The cable through which it reaches the servers, if any."""
    stopped: bool = True
    """Whether it was never started, or was stopped on purpose; one that is gone without is dead."""

    @property
    def port(self) -> int:
        """The one for clients; 0 where it has none yet."""
        return self.ports[0] if self.ports else 0

    @property
    def process(self) -> Process:
        return Process(self.pid, self.started)

    @property
    def body(self) -> Process:
        """The process that does the work: the one behind the member's fence, else the member's own."""
        return fenced_child(self.process) or self.process

    @property
    def state(self) -> str:
        """One of running, frozen, stopped, dead."""
        if self.pid and self.process.alive():
            return "frozen" if self.process.frozen() or self.body.frozen() else "running"
        return "stopped" if self.stopped else "dead"


@dataclass(slots=True)
class State:
    """A whole cluster: its members in the order in which they start, and what all of them are given."""

    stage: int
    title: str
    profile: str
    cwd: str
    environment: dict[str, str]
    """Settings (DTS_*) of whoever started it; a member that starts again later gets the same."""
    members: list[Member] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    """Names of those settings in `environment` that clients have to know and nobody else may."""

    def named(self, name: str) -> Member:
        """One member. Raises NoSuchMember, which lists those that there are."""
        for member in self.members:
            if member.name == name:
                return member
        known = ", ".join(member.name for member in self.members)
        raise NoSuchMember(f"there is no {name!r} in this cluster; members: {known}")


def export(addresses: Mapping[str, str]) -> str:
    """Lines for a shell's `eval`."""
    return "".join(f"export {name}={_quoted(value)}\n" for name, value in addresses.items())


class Home:
    """The directories of one home. Several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        # Links are resolved, so that all who mean this directory call it by one name.
        self.path = path.resolve()
        self.run = self.path / "cluster.run"
        self.data = self.path / "cluster.data"

    def claim(self, state: State) -> None:
        """Take the home for a new cluster. Raises AlreadyUp or UnusableHome."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.run.mkdir(mode=0o700)
            with self.locked():
                self._write(state)
        except FileExistsError:
            if not self.path.is_dir():
                raise UnusableHome(f"{self.path} is no directory; set DTS_HOME to one") from None
            raise AlreadyUp(
                f"a cluster is up already in {self.path}: `dts ps` shows it, `dts down` ends it, "
                "and DTS_HOME=<directory> makes room for another beside it"
            ) from None
        except OSError as error:
            raise UnusableHome(
                f"can't keep a cluster's state in {self.path} ({error.strerror}); "
                "set DTS_HOME to a directory that can be written to"
            ) from error

    def read(self) -> State:
        """What stands there now. Raises NotUp, or UnusableHome where it can't be understood."""
        try:
            values = json.loads((self.run / STATE).read_text())
            return State(**{**values, "members": [Member(**member) for member in values["members"]]})
        except (FileNotFoundError, NotADirectoryError):
            raise NotUp(f"nothing is up in {self.path}; `dts up 1 -d` starts stage 1") from None
        except OSError as error:
            raise UnusableHome(f"can't read the cluster's state in {self.run}: {error.strerror}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise UnusableHome(f"the cluster's state in {self.run} is damaged; `dts down` clears it away") from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything in this home meanwhile; waits for whoever does. Raises NotUp."""
        try:
            handle = os.open(self.run, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            raise NotUp(f"nothing is up in {self.path}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not self._stands(handle):
                raise NotUp(f"the cluster in {self.path} was just taken down")
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def change(self) -> Iterator[State]:
        """The state, to be changed within the block; it is written at its end, also after an error."""
        with self.locked():
            state = self.read()
            try:
                yield state
            finally:
                self._write(state)

    def publish(self, addresses: Mapping[str, str]) -> None:
        """Tell clients on this machine where the servers are, without their needing the lab."""
        with self.locked():
            self._replace("env", export(addresses))

    def log(self, member: str) -> Path:
        """Where a member's output goes."""
        return self.run / f"{member}.log"

    def remove(self, *, keep_data: bool) -> None:
        """Remove all that a cluster wrote, and the home itself where nothing else is in it."""
        for folder in (self.run,) if keep_data else (self.data, self.run):
            if folder.exists():
                _open_up(folder)
                shutil.rmtree(folder)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def _stands(self, handle: int) -> bool:
        # Whoever held the lock before us may have removed the folder, and another may stand in its place.
        try:
            return os.path.samestat(os.fstat(handle), self.run.stat())
        except FileNotFoundError:
            return False

    def _write(self, state: State) -> None:
        self._replace(STATE, json.dumps(asdict(state), indent=2))

    def _replace(self, name: str, text: str) -> None:
        """Whoever reads it meanwhile sees all of the old text or all of the new one."""
        draft = self.run / f"{name}.new"
        draft.write_text(text)
        draft.replace(self.run / name)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\"'\"'") + "'"


def _open_up(folder: Path) -> None:
    """Make every directory removable: a task may have made some that nobody may write to."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
                path.chmod(0o700)
