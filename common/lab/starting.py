"""How the members of a cluster are started: in which order, on which ports, and until each does its work."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from common.lab import launch
from common.lab.errors import StartFailed, WrongState
from common.lab.home import Home, Member, State
from common.lab.nursery import Nursery
from common.lab.ports import free_ports, is_free
from common.lab.processes import KILL, Process, end, find, spawn
from common.lab.stages import CABLE
from common.lab.until import NotYet, until

TOO_LITTLE = 1_048_576
"""Bytes of free disk with which no server starts."""
Told = Callable[[str], None]


class Starter:
    """Starts the members of the cluster in one home. Those that are children of this process it reaps."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._children: list[subprocess.Popen[bytes]] = []
        self._nursery: Nursery | None = None

    def start_all(self, told: Told) -> None:
        """Start all members of a cluster in which nothing runs yet; returns when they are ready.

        Servers come first, as the others need them; none of them needs another. Meanwhile the roles are loaded.
        `told` is called with the names of what is started next. Raises StartFailed, NoFreePort.
        """
        members = self._home.read().members
        servers = [member.name for member in members if launch.is_server(member)]
        cables = [member.name for member in members if member.role == CABLE.role]
        roles = [member.name for member in members if member.name not in {*servers, *cables}]
        self._preload()
        if servers:
            told(", ".join(servers))
            self._start_on_ports(servers)
        self._publish()
        if cables:
            self._start_on_ports(cables)
        if roles:
            told(", ".join(roles))
            self._await_loaded()
            self._start_on_ports(roles)
            self._publish()

    def end_nursery(self) -> None:
        """From here on a role that starts again loads what it needs by itself; harmless where that is so already."""
        if self._nursery:
            self._nursery.close()
            self._nursery = None

    def start_again(self, name: str) -> None:
        """Start one that does not run, on the ports that it has; returns when it is ready. Raises as `start_all`.

        A role is forked from the nursery, as the first ones were, unless that was ended.
        """
        try:
            self._start_together([name])
        except StartFailed as error:
            member = self._home.read().named(name)
            taken = _taken([member]) if member.state == "dead" else []
            if not taken:
                raise
            raise StartFailed(f"{name} can't come back: another program listens on its port {taken[0]}") from error

    def reap(self) -> None:
        """Let go of children that have ended, so that they don't stay zombies while we live."""
        self._children = [child for child in self._children if child.poll() is None]

    def _preload(self) -> None:
        """From here on roles are forked from a process that has loaded what they need, where that is worth it."""
        state = self._home.read()
        modules = launch.preloaded(state)
        if modules:
            shown = launch.common_environment(self._home, state)
            self._nursery = Nursery(modules, shown, Path(state.cwd), self._home.log("nursery"))

    def _await_loaded(self) -> None:
        if self._nursery and not self._nursery.loaded():
            raise self._failed("the roles can't be loaded", "nursery")

    def _publish(self) -> None:
        self._home.publish(launch.addresses(self._home.read()))

    def _start_on_ports(self, names: Sequence[str]) -> None:
        """Start members together, those that listen on ports that nobody else takes before they do."""
        ports = free_ports()
        while True:
            self._give_ports(names, ports)
            try:
                self._start_together(names)
                return
            except StartFailed:
                state = self._home.read()
                started = [state.named(name) for name in names]
                end([member.process for member in started if member.pid], KILL)
                self.reap()
                if not _taken(started):
                    raise

    def _give_ports(self, names: Sequence[str], ports: Iterator[int]) -> None:
        with self._home.change() as state:
            for name in names:
                member = state.named(name)
                member.ports = [next(ports) for _ in range(launch.ports(state, member))]

    def _start_together(self, names: Sequence[str]) -> None:
        for name in names:
            self._launch(name)
        for name in names:
            self._wait_until_ready(name)

    def _launch(self, name: str) -> None:
        """Start the process and note it in the same breath, so that `down` finds it from the first moment on."""
        with self._home.change() as state:
            member = state.named(name)
            refuse_running(member)
            (self._home.data / name).mkdir(parents=True, exist_ok=True)
            member.argv = launch.command(self._home, state, member)
            try:
                environment = launch.environment(self._home, state, member)
                pid = self._spawn(member, environment, state)
            except OSError as error:
                raise StartFailed(f"can't start {name}: {error}") from error
            process = find(pid) or Process(pid, 0)
            member.pid, member.started, member.stopped = process.pid, process.started, False

    def _spawn(self, member: Member, environment: Mapping[str, str], state: State) -> int:
        if self._nursery and launch.is_role(member):
            try:
                return self._nursery.start(member.argv, environment, self._home.log(member.name))
            except OSError:
                # Whoever kills all that is here kills it too.
                self.end_nursery()
        child = spawn(member.argv, environment, Path(state.cwd), self._home.log(member.name))
        self._children.append(child)
        return child.pid

    def _wait_until_ready(self, name: str) -> None:
        """Raises StartFailed as soon as it is dead, or when it is late."""
        state = self._home.read()
        member = state.named(name)

        def ready() -> bool:
            self.reap()
            if member.state == "dead":
                raise self._failed(f"{name} ended as soon as it was started", name)
            return launch.ready(self._home, state, member)

        within = launch.ready_within(state, member)
        try:
            # A look at a role costs some milliseconds, which those that start would like to have.
            until(ready, within, every=0.02 if launch.is_server(member) else 0.08)
        except NotYet:
            raise self._failed(f"{name} runs, but is not ready after {within:g} s", name) from None

    def _failed(self, what: str, name: str) -> StartFailed:
        # Where the home is gone, somebody took the cluster down while it started: that is the better news.
        self._home.read()
        return StartFailed(f"{what}{_full_disk(self._home.data / name)}", launch.log_tail(self._home.log(name)))


def refuse_running(member: Member) -> None:
    """Raise WrongState for one that can't be started, as it runs."""
    if member.state in ("running", "frozen"):
        raise WrongState(f"can't start {member.name}: it is {member.state}")


def _taken(servers: Sequence[Member]) -> list[int]:
    """Those of their ports on which others listen, where they themselves don't any more."""
    return [port for server in servers for port in server.ports if not is_free(port)]


def _full_disk(folder: Path) -> str:
    """Words on the disk where a member keeps its data, if that is full; parts of them may be links to others."""
    for place in (folder, *folder.glob("*")):
        if place.is_dir() and shutil.disk_usage(place).free < TOO_LITTLE:
            return f": the disk is full on which {place} is"
    return ""
