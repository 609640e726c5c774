"""A stage's whole system on this machine: its members are started, listed, hurt and stopped from here.

with Cluster.temporary(stage("1")) as cluster:
    cluster.fault("kill", "agent-1")
    cluster.start("agent-1")
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from common.contracts import Registry
from common.lab import launch
from common.lab.aliases import ALIASES, resolved
from common.lab.errors import NoSuchMember, StartFailed, WrongState
from common.lab.faults import FAULTS, check, inflict
from common.lab.guard import Guard
from common.lab.home import Home, Member, State
from common.lab.nursery import Nursery
from common.lab.ports import free_ports, is_free
from common.lab.processes import KILL, Process, end, find, spawn
from common.lab.profile import Profile
from common.lab.stages import CABLE, USUAL, Sizes, StageSpec
from common.lab.tap import Tap
from common.lab.teardown import TakenDown, take_down
from common.lab.until import NotYet, until
from common.settings import PREFIX

STOP_MARGIN = 10.0
"""Seconds that a member may take to stop beside those in which its tasks may end."""
TOO_LITTLE = 1_048_576
"""Bytes of free disk with which no server starts."""
Told = Callable[[str], None]


class Cluster:
    """The cluster that stands in one home.

    Holds no state of its own that matters: several objects, also in several processes, may stand for
    the same cluster. Members go on when the object is gone; `temporary` ones go with their owner.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._children: list[subprocess.Popen[bytes]] = []
        self._nursery: Nursery | None = None

    @classmethod
    def at(cls, home: Path) -> Self:
        """The cluster in `home`. Raises NotUp where there is none."""
        cluster = cls(Home(home))
        cluster._home.read()
        return cluster

    @classmethod
    def up(
        cls,
        home: Path,
        stage: StageSpec,
        profile: str = Profile.EMBEDDED,
        *,
        sizes: Sizes = USUAL,
        env: Mapping[str, str] | None = None,
        told: Told = lambda _: None,
    ) -> Self:
        """Start a stage and return when all of it is ready; where that fails nothing of it is left.

        Args:
            env: settings that the members get beside this process' own environment.
            told: called with the names of what is started next.

        Raises AlreadyUp, UnusableHome, MissingServer, NoFreePort, StartFailed; BadSetting from the stage.
        """
        cluster = cls(Home(home))
        cluster._claim(stage, profile, sizes, env)
        guard = cluster._guarded()
        try:
            cluster._start_all(told)
        except BaseException:
            cluster.down()
            raise
        finally:
            guard.dismiss()
        return cluster

    @classmethod
    @contextmanager
    def owned(
        cls,
        home: Path,
        stage: StageSpec,
        profile: str = Profile.EMBEDDED,
        *,
        sizes: Sizes = USUAL,
        env: Mapping[str, str] | None = None,
        told: Told = lambda _: None,
    ) -> Iterator[Self]:
        """As `up`, and nothing of it is left after the block, or after this process, even if that is killed."""
        cluster = cls(Home(home))
        cluster._claim(stage, profile, sizes, env)
        guard = cluster._guarded()
        try:
            cluster._start_all(told)
            yield cluster
        finally:
            cluster.down()
            guard.dismiss()

    @classmethod
    @contextmanager
    def temporary(
        cls, stage: StageSpec, profile: str = Profile.EMBEDDED, *, env: Mapping[str, str] | None = None, **sizes: int
    ) -> Iterator[Self]:
        """As `owned`, in a new home of its own. `sizes` are fields of Sizes, like agents=1."""
        home = Path(tempfile.mkdtemp(prefix="dts-"))
        try:
            with cls.owned(home, stage, profile, sizes=Sizes(**sizes), env=env) as cluster:
                yield cluster
        finally:
            shutil.rmtree(home, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which clients find this cluster, like {"DTS_REDIS_URL": "redis://127.0.0.1:…/0"}."""
        return launch.addresses(self._home.read())

    @property
    def redis_url(self) -> str:
        """Where its Redis is, or was while it is away: it comes back on the same port."""
        return self.environment["DTS_REDIS_URL"]

    @property
    def title(self) -> str:
        """What runs here, in a few words."""
        state = self._home.read()
        return f"stage {state.stage}: {state.title}" if state.stage else state.title

    def members(self) -> list[Member]:
        """All members and the states they are in now, in the order in which they start. Raises NotUp."""
        self._reap()
        return self._home.read().members

    def member(self, name: str) -> Member:
        """One member as it is now. Raises NoSuchMember, which lists those that there are."""
        self._reap()
        return _named(self._home.read(), name)

    def log(self, name: str) -> Path:
        """The file that holds what a member printed since the cluster came up."""
        return self._home.log(self.member(name).name)

    def start(self, name: str, *, fresh: bool = False) -> None:
        """Start a member that does not run, with the command, port and data it had; returns when it is ready.

        `fresh` drops its data first. An agent whose Redis is away is started and not waited for.
        Raises WrongState where it runs, StartFailed where it does not get ready (it is left as it is).
        """
        member = self.member(name)
        _refuse_running(member)
        if fresh:
            shutil.rmtree(self._home.data / name, ignore_errors=True)
        self._start_again(member) if member.ports else self._start_together([name])

    def fault(self, kind: str, name: str) -> None:
        """Do one of kill, freeze, thaw, stop or start to a member; returns when it shows. It may be named by an alias.

        Stopping an agent waits for its running tasks as long as its settings say.
        Raises NoSuchMember, WrongState, WouldNotStop; as `start` does for start.
        """
        name = self.meant(name)
        if kind == "start":
            self.start(name)
            return
        fault = FAULTS[kind]
        self._reap()
        with self._home.change() as state:
            member = _named(state, name)
            check(fault, member)
            member.stopped = kind == "stop"
            settings = launch.settings(state)
        inflict(fault, member, within=settings.drain + settings.grace + STOP_MARGIN)
        self._reap()

    def answers(self, name: str) -> bool:
        """Whether a server answers a real request now. Raises NoSuchMember; NotUp."""
        state = self._home.read()
        return launch.answers(self._home, state, _named(state, name))

    def registry(self) -> Registry | None:
        """Where its roles tell who lives and who leads, to be closed by the caller; None where none of them does."""
        state = self._home.read()
        return launch.registry(state) if any(member.role == "scheduler" for member in state.members) else None

    def tap(self) -> Tap | None:
        """Its bus as an onlooker sees it, to be closed by the caller; None where no role uses one."""
        state = self._home.read()
        return launch.tap(state) if any(member.role == "manager" for member in state.members) else None

    def down(self, *, keep_data: bool = False) -> TakenDown:
        """Stop everything and remove what it wrote, `keep_data` aside; harmless where nothing is up."""
        taken = take_down(self._home, keep_data=keep_data)
        self._reap()
        return taken

    def meant(self, name: str) -> str:
        """The member's own name, where an alias may be given. Raises NoSuchMember."""
        if name not in ALIASES:
            return self.member(name).name
        registry = self.registry()
        try:
            return resolved(name, [(member.name, member.state) for member in self.members()], registry)
        finally:
            if registry:
                registry.close()

    def _claim(self, stage: StageSpec, profile: str, sizes: Sizes, env: Mapping[str, str] | None) -> None:
        """Take the home for this stage, with nothing started in it yet."""
        settings = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)} | dict(env or {})
        wanted = [spec for spec in stage.members(sizes) if profile == Profile.REAL or not spec.real]
        members = [Member(spec.name, spec.role, list(spec.argv), through=spec.through) for spec in wanted]
        settings = {name: secrets.token_hex(32) for name in stage.secrets} | settings
        title, cwd = stage.title, str(Path.cwd())
        self._home.claim(State(stage.number, title, Profile(profile), cwd, settings, members, [*stage.secrets]))

    def _guarded(self) -> Guard:
        # Only after the claim: what stood in this home before us was not ours to guard.
        try:
            return Guard(self._home.path)
        except BaseException:
            self.down()
            raise

    def _start_all(self, told: Told) -> None:
        """Servers first, as the others need them; none of them needs another. Meanwhile the roles are loaded."""
        members = self.members()
        with self._preloading():
            self._start_by_kind(members, told)

    @contextmanager
    def _preloading(self) -> Iterator[None]:
        """Within the block, roles are forked from a process that has loaded what they need, where that is worth it."""
        state = self._home.read()
        modules = launch.preloaded(state)
        if not modules:
            yield
            return
        shown = launch.common_environment(self._home, state)
        with Nursery(modules, shown, Path(state.cwd), self._home.log("nursery")) as self._nursery:
            yield
        self._nursery = None

    def _start_by_kind(self, members: Sequence[Member], told: Told) -> None:
        servers = [member.name for member in members if launch.is_server(member)]
        cables = [member.name for member in members if member.role == CABLE.role]
        roles = [member.name for member in members if member.name not in {*servers, *cables}]
        if servers:
            told(", ".join(servers))
            self._start_on_ports(servers)
        self._home.publish(self.environment)
        if cables:
            self._start_on_ports(cables)
        if roles:
            told(", ".join(roles))
            if self._nursery and not self._nursery.loaded():
                raise self._start_failed("the roles can't be loaded", "nursery")
            self._start_on_ports(roles)
            self._home.publish(self.environment)

    def _start_together(self, names: Sequence[str]) -> None:
        for name in names:
            self._launch(name)
        for name in names:
            self._wait_until_ready(name)

    def _start_on_ports(self, names: Sequence[str]) -> None:
        """Start members together, those that listen on ports that nobody else takes before they do."""
        ports = free_ports()
        while True:
            self._give_ports(names, ports)
            try:
                self._start_together(names)
                return
            except StartFailed:
                started = [self.member(name) for name in names]
                end([member.process for member in started if member.pid], KILL)
                self._reap()
                if not _taken(started):
                    raise

    def _give_ports(self, names: Sequence[str], ports: Iterator[int]) -> None:
        with self._home.change() as state:
            for name in names:
                member = _named(state, name)
                member.ports = [next(ports) for _ in range(launch.ports(state, member))]

    def _start_again(self, server: Member) -> None:
        """One that has its ports already."""
        try:
            self._start_together([server.name])
        except StartFailed as error:
            taken = _taken([server]) if self.member(server.name).state == "dead" else []
            if not taken:
                raise
            raise StartFailed(
                f"{server.name} can't come back: another program listens on its port {taken[0]}"
            ) from error

    def _launch(self, name: str) -> None:
        """Start the process and note it in the same breath, so that `down` finds it from the first moment on."""
        with self._home.change() as state:
            member = _named(state, name)
            _refuse_running(member)
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
            return self._nursery.start(member.argv, environment, self._home.log(member.name))
        child = spawn(member.argv, environment, Path(state.cwd), self._home.log(member.name))
        self._children.append(child)
        return child.pid

    def _wait_until_ready(self, name: str) -> None:
        """Raises StartFailed as soon as it is dead, or when it is late."""
        state = self._home.read()
        member = _named(state, name)

        def ready() -> bool:
            self._reap()
            if member.state == "dead":
                raise self._start_failed(f"{name} ended as soon as it was started", name)
            return launch.ready(self._home, state, member)

        within = launch.ready_within(state, member)
        try:
            # A look at a role costs some milliseconds, which those that start would like to have.
            until(ready, within, every=0.02 if launch.is_server(member) else 0.08)
        except NotYet:
            raise self._start_failed(f"{name} runs, but is not ready after {within:g} s", name) from None

    def _start_failed(self, what: str, name: str) -> StartFailed:
        # Where the home is gone, somebody took the cluster down while it started: that is the better news.
        self._home.read()
        return StartFailed(f"{what}{_full_disk(self._home.data / name)}", launch.log_tail(self._home.log(name)))

    def _reap(self) -> None:
        """Let go of children that have ended, so that they don't stay zombies while we live."""
        self._children = [child for child in self._children if child.poll() is None]


def _named(state: State, name: str) -> Member:
    for member in state.members:
        if member.name == name:
            return member
    known = ", ".join(member.name for member in state.members)
    raise NoSuchMember(f"there is no {name!r} in this cluster; members: {known}")


def _taken(servers: Sequence[Member]) -> list[int]:
    """Those of their ports on which others listen, where they themselves don't any more."""
    return [port for server in servers for port in server.ports if not is_free(port)]


def _full_disk(folder: Path) -> str:
    """Words on the disk where a member keeps its data, if that is full; parts of them may be links to others."""
    for place in (folder, *folder.glob("*")):
        if place.is_dir() and shutil.disk_usage(place).free < TOO_LITTLE:
            return f": the disk is full on which {place} is"
    return ""


def _refuse_running(member: Member) -> None:
    if member.state in ("running", "frozen"):
        raise WrongState(f"can't start {member.name}: it is {member.state}")
