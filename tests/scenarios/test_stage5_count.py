"""What stage 5's lesson says of figures that only grow holds on a machine that stands still for a while, too."""

from dataclasses import replace

import pytest

from common.lab.acts import Fault
from common.lab.probes.figures import figure, measured_by
from common.lab.profile import Profile
from common.lab.scenario import AGENTS, Beat, Claim, Do, Hurt
from common.lab.stages import load_stages
from common.lab.worlds import private
from stage5_ops.scenario import SCENARIO
from tests.scenarios.listening import Listener, player

COUNT = next(beat for beat in SCENARIO.beats if beat.id == "count")


@pytest.mark.timeout(300)
def test_what_was_counted_outlives_an_agent_that_lost_its_lease() -> None:
    run = Beat(
        "run", *(step for step in COUNT.steps if isinstance(step, Do) or step in COUNT.claims[:1]), look=(AGENTS,)
    )
    attempts = figure("dts_agent_attempts_total", 20)
    forgotten = replace(attempts, see=lambda picture: 0 < attempts.see(picture) < 20, expect=True)
    lapse = Beat(
        "lapse",
        # Its fence kills it when its lease is over, and with it goes what it has counted itself.
        Hurt(Fault("freeze", "agent-1")),
        Claim("forgotten", forgotten, within=30),
        Claim("again", measured_by(8), within=30),
        look=(AGENTS,),
    )
    count = Beat("count", *COUNT.claims, look=(AGENTS,))
    listener = Listener()
    with private(load_stages()["5"], Profile.EMBEDDED, SCENARIO.settings) as world:
        player(world, listener).play((run, lapse, count))
    assert all(outcome.held for outcome in listener.outcomes), listener.heard
