"""A stage's whole system on this machine: its members are started, listed, hurt and stopped from here.

with Cluster.temporary(stage("1")) as cluster:
    cluster.fault("kill", "agent-1")
    cluster.start("agent-1")
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from common.contracts import Registry
from common.lab import launch
from common.lab.aliases import ALIASES, resolved
from common.lab.faults import FAULTS, check, inflict
from common.lab.guard import Guard
from common.lab.home import Home, Member, State
from common.lab.profile import Profile
from common.lab.stages import USUAL, Sizes, StageSpec
from common.lab.starting import Starter, Told, refuse_running
from common.lab.tap import Tap
from common.lab.teardown import TakenDown, take_down
from common.settings import PREFIX

STOP_MARGIN = 10.0
"""Seconds that a member may take to stop beside those in which its tasks may end."""


class Cluster:
    """The cluster that stands in one home.

    Holds no state of its own that matters: several objects, also in several processes, may stand for
    the same cluster. Members go on when the object is gone; `temporary` ones go with their owner.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._starter = Starter(home)

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
            cluster._starter.start_all(told)
        except BaseException:
            cluster.down()
            raise
        finally:
            cluster._starter.end_nursery()
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
        hurt: bool = True,
    ) -> Iterator[Self]:
        """As `up`, and nothing of it is left after the block, or after this process, even if that is killed.

        `hurt`: its members are going to be hurt in the block, and started again. The process from which they are
        forked stays for that, and they are there again sooner.
        """
        cluster = cls(Home(home))
        cluster._claim(stage, profile, sizes, env)
        guard = cluster._guarded()
        try:
            cluster._starter.start_all(told)
            if not hurt:
                cluster._starter.end_nursery()
            yield cluster
        finally:
            cluster.down()
            guard.dismiss()

    @classmethod
    @contextmanager
    def temporary(
        cls,
        stage: StageSpec,
        profile: str = Profile.EMBEDDED,
        *,
        env: Mapping[str, str] | None = None,
        hurt: bool = True,
        **sizes: int,
    ) -> Iterator[Self]:
        """As `owned`, in a new home of its own. `sizes` are fields of Sizes, like agents=1."""
        home = Path(tempfile.mkdtemp(prefix="dts-"))
        try:
            with cls.owned(home, stage, profile, sizes=Sizes(**sizes), env=env, hurt=hurt) as cluster:
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
        self._starter.reap()
        return self._home.read().members

    def member(self, name: str) -> Member:
        """One member as it is now. Raises NoSuchMember, which lists those that there are."""
        self._starter.reap()
        return self._home.read().named(name)

    def log(self, name: str) -> Path:
        """The file that holds what a member printed since the cluster came up."""
        return self._home.log(self.member(name).name)

    def start(self, name: str, *, fresh: bool = False) -> None:
        """Start a member that does not run, with the command, port and data it had; returns when it is ready.

        `fresh` drops its data first. An agent whose Redis is away is started and not waited for.
        Raises WrongState where it runs, StartFailed where it does not get ready (it is left as it is).
        """
        refuse_running(self.member(name))
        if fresh:
            shutil.rmtree(self._home.data / name, ignore_errors=True)
        self._starter.start_again(name)

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
        self._starter.reap()
        with self._home.change() as state:
            member = state.named(name)
            check(fault, member)
            member.stopped = kind == "stop"
            settings = launch.settings(state)
        inflict(fault, member, within=settings.drain + settings.grace + STOP_MARGIN)
        self._starter.reap()

    def answers(self, name: str) -> bool:
        """Whether a server answers a real request now. Raises NoSuchMember; NotUp."""
        state = self._home.read()
        return launch.answers(self._home, state, state.named(name))

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
        self._starter.end_nursery()
        taken = take_down(self._home, keep_data=keep_data)
        self._starter.reap()
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
