"""Stage 3 as `dts up 3` runs it: Redis, agents, schedulers, task-managers; with `real` also ZooKeeper and Kafka."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from common.lab.stages import KAFKA, REDIS, MemberSpec, Sizes, StageSpec, zookeepers
from stage1_mvp.tether import Tether

if TYPE_CHECKING:
    from redis import Redis

    from common.lab.scenario import Scenario
    from common.running import Boot
    from common.settings import Settings

AGENTS, SCHEDULERS, MANAGERS = 3, 2, 2


def _members(sizes: Sizes) -> Sequence[MemberSpec]:
    return [
        REDIS,
        *zookeepers(sizes),
        KAFKA,
        *_roles("manager", sizes.managers or MANAGERS),
        *_roles("scheduler", sizes.schedulers or SCHEDULERS),
        *_roles("agent", sizes.agents or AGENTS),
    ]


def _roles(role: str, count: int) -> list[MemberSpec]:
    names = [f"{role}-{number + 1}" for number in range(count)]
    return [MemberSpec(name, role, (sys.executable, "-m", "stage3_kafka", role, "--id", name)) for name in names]


def _scenario() -> "Scenario":
    from stage3_kafka.scenario import SCENARIO

    return SCENARIO


def _boot(role: str, settings: "Settings", client: "Callable[..., Redis]") -> "Boot":
    from common.running import Signals
    from stage3_kafka.__main__ import compose_agent, compose_manager, compose_scheduler

    if role == "agent":
        return compose_agent(settings, client, Signals(), Tether())
    return compose_scheduler(settings, client) if role == "scheduler" else compose_manager(settings, client)


STAGE = StageSpec(3, "a bus between all roles, and managers that own the state", _members, _scenario, _boot)
