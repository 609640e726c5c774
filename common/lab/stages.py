"""What a stage's system on one machine consists of; each stage says it by an entry point in `dts.stages`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from common.lab.errors import NoSuchStage

if TYPE_CHECKING:
    from redis import Redis

    from common.lab.scenario import Scenario
    from common.running import Boot
    from common.settings import Settings

GROUP = "dts.stages"
DOORS = ("api",)
"""Roles that clients reach by HTTP."""


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """One process: its name ("agent-1"), its role ("agent"), and how it is started.

    A server whose role the lab knows ("redis") has no argv: the lab chooses binary, port and directory.
    """

    name: str
    role: str
    argv: tuple[str, ...] = ()
    real: bool = False
    """Whether it is there only with the profile `real`."""
    through: str = ""
    """The cable through which it reaches the servers; '' where it is not to be cut off from them."""

    @property
    def listens(self) -> bool:
        """Whether clients reach it at a port, which the lab chooses."""
        return not self.argv or self.role in DOORS


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of each role are wanted; None is what the stage usually has."""

    agents: int | None = None
    schedulers: int | None = None
    managers: int | None = None
    apis: int | None = None
    zookeepers: int | None = None
    """Of the profile `real`; several are one ensemble."""


USUAL = Sizes()


@dataclass(frozen=True, slots=True)
class StageSpec:
    """A stage as the lab runs it.

    `members` lists its processes in the order in which they start, servers first; they stop in reverse.
    It raises BadSetting where the stage can't have those sizes.
    """

    number: int
    title: str
    members: Callable[[Sizes], Sequence[MemberSpec]]
    scenario: "Callable[[], Scenario] | None" = None
    """Gives its lesson; imported only when somebody wants to see it."""
    boot: "Callable[[str, Settings, Callable[..., Redis]], Boot] | None" = None
    """Makes one life of a role for this process; the callable makes clients, with the options of `connect`."""
    secrets: Sequence[str] = ()
    """Settings whose values only its members and clients may know; where unset, the lab makes one up."""

    @property
    def package(self) -> str:
        """The package that the stage is written in; its composition root is `__main__` there."""
        return self.members.__module__.partition(".")[0]


REDIS = MemberSpec("redis", "redis")
KAFKA = MemberSpec("kafka", "kafka", real=True)
CABLE = MemberSpec("cable", "cable")
"""Leads a member's connections to the servers; frozen, it is a network that is cut. Not for Kafka, which tells clients
other addresses than the one they asked at."""


def zookeepers(sizes: "Sizes") -> Sequence[MemberSpec]:
    """As many as are wanted, usually one; there only with the profile `real`."""
    count = sizes.zookeepers or 1
    names = ["zookeeper"] if count == 1 else [f"zookeeper-{number + 1}" for number in range(count)]
    return [MemberSpec(name, "zookeeper", real=True) for name in names]


SERVERS_ONLY = StageSpec(0, "only a Redis server", lambda _: (REDIS,))
"""For tests that want a private real server, and for people who want one to play with."""


def load_stages() -> dict[str, StageSpec]:
    """The stages that are installed, by number as text, lowest first."""
    found = {entry.name: entry.load() for entry in entry_points(group=GROUP)}
    return dict(sorted(found.items()))


def stage(number: str) -> StageSpec:
    """The stage of that number; raises NoSuchStage, which lists those that there are."""
    known = load_stages()
    if number not in known:
        there_are = ", ".join(f"{name} ({spec.title})" for name, spec in known.items()) or "none"
        raise NoSuchStage(f"there is no stage {number!r} here; stages: {there_are}")
    return known[number]
