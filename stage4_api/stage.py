"""Stage 4 as `dts up 4` runs it: Redis, agents, schedulers, task-managers, task-apis; with `real` also the others."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from common.lab.stages import KAFKA, REDIS, MemberSpec, Sizes, StageSpec, zookeepers
from stage1_mvp.tether import Tether

if TYPE_CHECKING:
    from redis import Redis

    from common.lab.scenario import Scenario
    from common.running import Boot
    from common.settings import Settings

AGENTS, SCHEDULERS, MANAGERS, APIS = 3, 2, 2, 1


def _members(sizes: Sizes) -> Sequence[MemberSpec]:
    return [
        REDIS,
        *zookeepers(sizes),
        KAFKA,
        *_roles("manager", sizes.managers or MANAGERS),
        *_roles("scheduler", sizes.schedulers or SCHEDULERS),
        *_roles("agent", sizes.agents or AGENTS),
        *_roles("api", sizes.apis or APIS),
    ]


def _roles(role: str, count: int) -> list[MemberSpec]:
    names = [f"{role}-{number + 1}" for number in range(count)]
    return [MemberSpec(name, role, (sys.executable, "-m", "stage4_api", role, "--id", name)) for name in names]


def _scenario() -> "Scenario":
    from stage4_api.scenario import SCENARIO

    return SCENARIO


def _boot(role: str, settings: "Settings", client: "Callable[..., Redis]") -> "Boot":
    from common.running import Signals
    from stage4_api.__main__ import compose_agent, compose_api, compose_manager, compose_scheduler

    roles: Mapping[str, Callable[[], Boot]] = {
        "agent": lambda: compose_agent(settings, client, Signals(), Tether()),
        "scheduler": lambda: compose_scheduler(settings, client),
        "manager": lambda: compose_manager(settings, client),
        "api": lambda: compose_api(settings, client),
    }
    return roles[role]()


STAGE = StageSpec(
    4,
    "a REST door, and managers that are asked by RPC",
    _members,
    _scenario,
    _boot,
    secrets=("DTS_RPC_SECRET", "DTS_API_TOKEN"),
)
