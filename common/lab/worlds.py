"""Where a scenario is played: a system with its Redis, its members, and the faults that can be done to them."""

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from redis import Redis

from common.contracts import Registry
from common.lab.cluster import Cluster
from common.lab.door import Door
from common.lab.errors import LabError, WrongState
from common.lab.home import Home
from common.lab.log_lines import readable
from common.lab.names import Names
from common.lab.picture import SeenMember
from common.lab.stages import StageSpec
from common.lab.tap import Tap
from common.settings import Settings
from common.store.keys import Keys
from common.transports.redis_client import connect

if TYPE_CHECKING:
    from common.lab.in_process import InProcessWorld

IN_PROCESS = "fake"
"""The profile that needs no server: everything in this process, on a Redis of the same kind."""
LOG_TAIL = 32_768
"""Bytes of a member's log that are looked at."""


class World(Protocol):
    """A running system. Its methods may be called from any thread."""

    @property
    def redis(self) -> Redis:
        """A client that never waits long."""
        ...

    @property
    def redis_url(self) -> str: ...

    @property
    def zookeeper(self) -> str:
        """Where its ZooKeeper is; '' where it has none."""
        ...

    @property
    def kafka(self) -> str:
        """Where its Kafka is; '' where it has none."""
        ...

    @property
    def api(self) -> Door:
        """Where its REST API is, and how one is let in."""
        ...

    @property
    def tap(self) -> Tap | None:
        """Its bus, as an onlooker sees it; None in a stage that has none."""
        ...

    @property
    def home(self) -> Path | None:
        """Below it lie the private directories of the tasks that run on this machine, if there are any."""
        ...

    @property
    def registry(self) -> Registry | None:
        """Where it tells who lives and who leads; None in a stage that has none."""
        ...

    def members(self) -> Sequence[SeenMember]:
        """Its processes, as far as they are known."""
        ...

    def said(self, member: str) -> Sequence[str]:
        """The last lines that a member logged."""
        ...

    def fault(self, kind: str, name: str) -> None:
        """Do one of kill, freeze, thaw, stop or start to a member; returns when it shows. Raises LabError."""
        ...


class ClusterWorld:
    """A cluster of real processes on this machine."""

    def __init__(self, cluster: Cluster, home: Path) -> None:
        self._cluster = cluster
        self.home = Home(home).path
        self.redis_url = cluster.redis_url
        self.redis = quick(self.redis_url)
        self.zookeeper = cluster.environment.get("DTS_ZOOKEEPER", "")
        self.kafka = cluster.environment.get("DTS_KAFKA", "")
        self.api = Door.of(cluster.environment)
        self.registry, self.tap = cluster.registry(), cluster.tap()

    def members(self) -> Sequence[SeenMember]:
        try:
            found = self._cluster.members()
        except LabError:
            return []
        return [
            SeenMember(member.name, member.role, member.pid if alive(member.state) else 0, member.state)
            for member in found
        ]

    def said(self, member: str) -> Sequence[str]:
        try:
            with self._cluster.log(member).open("rb") as log:
                log.seek(0, 2)
                log.seek(max(0, log.tell() - LOG_TAIL))
                return [readable(line) for line in log.read().decode(errors="replace").splitlines()]
        except (OSError, LabError):
            return []

    def fault(self, kind: str, name: str) -> None:
        self._cluster.fault(kind, name)

    def close(self) -> None:
        """Let go of its servers; they go on."""
        self.redis.close()
        if self.registry:
            self.registry.close()
        if self.tap:
            self.tap.close()


class AttachedWorld:
    """A system of which only its Redis is known: it can be looked at and given work, and not be hurt."""

    home = None

    def __init__(
        self,
        redis: Redis,
        redis_url: str,
        registry: Registry | None = None,
        tap: Tap | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        self.redis, self.redis_url, self.registry, self.tap = redis, redis_url, registry, tap
        known = settings or Settings.load({})
        self.zookeeper, self.kafka = known.zookeeper, known.kafka
        self.api = Door(known.api_url, known.api_token, known.rpc_secret)

    def members(self) -> Sequence[SeenMember]:
        return []

    def said(self, member: str) -> Sequence[str]:
        return []

    def fault(self, kind: str, name: str) -> None:
        raise WrongState(f"can't {kind} {name}: it is not ours")


@contextlib.contextmanager
def private(
    stage: StageSpec, profile: str, settings: Mapping[str, str], told: Callable[[str], None] = lambda _: None
) -> Iterator[World]:
    """A world of its own for the block, of which nothing is left afterwards. Raises as Cluster.up does."""
    if profile == IN_PROCESS:
        with in_process(stage, settings) as inside:
            yield inside
        return
    home = Path(tempfile.gettempdir(), f"dts-{secrets.token_hex(6)}")
    try:
        home.mkdir(0o700)
        with Cluster.owned(home, stage, profile, env=settings, told=told) as cluster:
            world = ClusterWorld(cluster, home)
            with contextlib.closing(world):
                yield world
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def in_process(stage: StageSpec, settings: Mapping[str, str]) -> "Iterator[InProcessWorld]":
    """The same without any server; needs the extra `fake`."""
    from common.lab.in_process import InProcessWorld

    world = InProcessWorld(stage, settings)
    try:
        world.start_all()
        yield world
    finally:
        world.close()


def names_of(world: World, prefix: str = "", keys: Keys | None = None, home: Path | None = None) -> Names:
    """What a scenario's tasks are called there; `prefix` keeps them apart from all others."""
    return Names(
        keys or Keys(),
        world.redis_url,
        prefix,
        world.home or home,
        zookeeper=world.zookeeper,
        kafka=world.kafka,
        door=world.api,
    )


def quick(redis_url: str) -> Redis:
    """A client that rather says that Redis is away than waits for it."""
    return connect(redis_url, repeats=1, answer_within=1.0)


def alive(state: str) -> bool:
    """Whether a member in this state has a process."""
    return state in ("running", "frozen")
