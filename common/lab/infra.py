"""Servers without a stage: the Redis, ZooKeeper and Kafka of `dts infra up`."""

from collections.abc import Collection
from pathlib import Path

from common.lab.home import Home
from common.lab.stages import MemberSpec, StageSpec

ROLES = ("redis", "zookeeper", "kafka")
"""In the order in which they are started and shown."""
TITLES = {"redis": "Redis", "zookeeper": "ZooKeeper", "kafka": "Kafka"}


def servers(only: Collection[str] = ROLES, zookeepers: int = 1) -> StageSpec:
    """These servers as a stage of no roles; several ZooKeepers are one ensemble, zookeeper-1 and so on."""
    names = {role: [role] for role in ROLES}
    if zookeepers > 1:
        names["zookeeper"] = [f"zookeeper-{number}" for number in range(1, zookeepers + 1)]
    roles = [role for role in ROLES if role in only]
    members = [MemberSpec(name, role) for role in roles for name in names[role]]
    return StageSpec(0, ", ".join(TITLES[role] for role in roles), lambda _: members)


def infra_home(home: Path) -> Path:
    """Where their state stands, so that they and a stage's cluster can be up in one home side by side."""
    return Home(home).path / "infra"
