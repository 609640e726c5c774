"""Each stage's lesson is true, on every profile; what it says that it lacks, it lacks."""

from collections.abc import Sequence

import pytest

from common.lab.scenario import Beat, Claim, Gap
from common.lab.stages import load_stages
from common.lab.worlds import IN_PROCESS, private
from tests.scenarios.listening import Listener, player

LESSONS = [number for number, spec in load_stages().items() if spec.scenario]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", LESSONS)
def test_every_claim_holds_and_every_gap_gapes(number: str, profile: str) -> None:
    spec = load_stages()[number]
    assert spec.scenario
    scenario = spec.scenario()
    listener = Listener()
    with private(spec, profile, scenario.settings) as world:
        roles = {member.role for member in world.members()}
        beats = scenario.in_process if profile == IN_PROCESS else scenario.playable(roles)
        player(world, listener).play(beats)
    found = [outcome.step for outcome in listener.outcomes if outcome.held]
    shown = {step.shows for step in found if isinstance(step, Claim)} - {""}
    gaping = {step.id: step.closed_by for step in found if isinstance(step, Gap)}
    assert shown == _promised(beats)
    assert gaping == dict(scenario.ledger.lacks)
    if profile != IN_PROCESS:
        assert shown == set(scenario.ledger.holds)


def _promised(beats: Sequence[Beat]) -> set[str]:
    return {claim.shows for beat in beats for claim in beat.claims} - {""}
