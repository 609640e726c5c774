"""Stage 1's lesson is true, on every profile; what it says that it lacks, it lacks."""

from common.lab.scenario import Claim, Gap, Scenario
from common.lab.worlds import World
from tests.scenarios.listening import Listener, player


def test_every_claim_holds_and_every_gap_gapes(world: World, scenario: Scenario) -> None:
    listener = Listener()
    player(world, listener).play(scenario.beats)
    found = [outcome.step for outcome in listener.outcomes if outcome.held]
    shown = {step.shows for step in found if isinstance(step, Claim)} - {""}
    gaping = {step.id: step.closed_by for step in found if isinstance(step, Gap)}
    assert shown == set(scenario.ledger.holds)
    assert gaping == dict(scenario.ledger.lacks)
