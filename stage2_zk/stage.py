"""Stage 2 as `dts up 2` runs it: Redis, agents, schedulers, and with the profile `real` ZooKeeper."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from common.domain.errors import BadSetting
from common.lab.stages import CABLE, REDIS, MemberSpec, Sizes, StageSpec, zookeepers
from stage1_mvp.tether import Tether

if TYPE_CHECKING:
    from redis import Redis

    from common.lab.scenario import Scenario
    from common.running import Boot
    from common.settings import Settings

AGENTS, SCHEDULERS = 3, 2


def _members(sizes: Sizes) -> Sequence[MemberSpec]:
    if sizes.managers is not None:
        raise BadSetting("stage 2 has no task-manager: its agents write into the store themselves; stage 3 has some")
    schedulers = [f"scheduler-{number + 1}" for number in range(sizes.schedulers or SCHEDULERS)]
    agents = [f"agent-{number + 1}" for number in range(sizes.agents or AGENTS)]
    # The last of several can be cut off from the servers.
    far = agents[-1] if agents[1:] else ""
    return [
        REDIS,
        *zookeepers(sizes),
        *([CABLE] if far else []),
        *(MemberSpec(name, "scheduler", tuple(_command("scheduler", name))) for name in schedulers),
        *(
            MemberSpec(name, "agent", tuple(_command("agent", name)), through=CABLE.name if name == far else "")
            for name in agents
        ),
    ]


def _command(role: str, name: str) -> list[str]:
    return [sys.executable, "-m", "stage2_zk", role, "--id", name]


def _scenario() -> "Scenario":
    from stage2_zk.scenario import SCENARIO

    return SCENARIO


def _boot(role: str, settings: "Settings", client: "Callable[..., Redis]") -> "Boot":
    from common.running import Signals
    from stage2_zk.__main__ import compose_agent, compose_scheduler

    if role == "scheduler":
        return compose_scheduler(settings, client)
    return compose_agent(settings, client, Signals(), Tether())


STAGE = StageSpec(2, "several agents, and schedulers of which one leads", _members, _scenario, _boot)
