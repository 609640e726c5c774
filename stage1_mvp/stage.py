"""Stage 1 as `dts up 1` runs it: one Redis, one agent."""

import sys
from collections.abc import Sequence

from common.domain.errors import BadSetting
from common.lab.stages import REDIS, MemberSpec, Sizes, StageSpec


def _members(sizes: Sizes) -> Sequence[MemberSpec]:
    if sizes.agents not in (None, 1):
        raise BadSetting(
            f"stage 1 has one agent, not {sizes.agents}: it takes its tasks for itself, and nothing there could share "
            "them out or notice that one is gone; that is what stage 2 adds"
        )
    agent = "agent-1"
    return REDIS, MemberSpec(agent, "agent", (sys.executable, "-m", "stage1_mvp", "agent", "--id", agent))


STAGE = StageSpec(1, "a task pushed into Redis runs", _members)
