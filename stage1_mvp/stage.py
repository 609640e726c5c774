"""Stage 1 as `dts up 1` runs it: one Redis, one agent."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from common.domain.errors import BadSetting
from common.lab.stages import REDIS, MemberSpec, Sizes, StageSpec
from stage1_mvp.tether import Tether

if TYPE_CHECKING:
    from redis import Redis

    from common.lab.scenario import Scenario
    from common.running import Boot
    from common.settings import Settings


def _members(sizes: Sizes) -> Sequence[MemberSpec]:
    if sizes.zookeepers is not None:
        raise BadSetting("stage 1 has no ZooKeeper: one agent needs nobody who tells who lives; stage 2 has one")
    if sizes.managers is not None:
        raise BadSetting("stage 1 has no task-manager: its agent writes into the store itself; stage 3 has some")
    if sizes.schedulers is not None:
        raise BadSetting("stage 1 has no scheduler: its agent takes tasks for itself; that is what stage 2 adds")
    if sizes.agents not in (None, 1):
        raise BadSetting(
            f"stage 1 has one agent, not {sizes.agents}: it takes its tasks for itself, and nothing there could share "
            "them out or notice that one is gone; that is what stage 2 adds"
        )
    agent = "agent-1"
    return REDIS, MemberSpec(agent, "agent", (sys.executable, "-m", "stage1_mvp", "agent", "--id", agent))


def _scenario() -> "Scenario":
    from stage1_mvp.scenario import SCENARIO

    return SCENARIO


def _boot(_: str, settings: "Settings", client: "Callable[..., Redis]") -> "Boot":
    from common.running import Signals
    from stage1_mvp.__main__ import compose

    return compose(settings, client, Signals(), Tether())


STAGE = StageSpec(1, "a task pushed into Redis runs", _members, _scenario, _boot)
