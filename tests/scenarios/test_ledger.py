"""A stage's ledger, its beats and its catalogues speak of the same things."""

from collections import Counter

from common.lab.scenario import Claim, Gap, Hurt, Scenario


def test_every_guarantee_is_shown_by_a_claim_and_every_lack_by_a_gap(scenario: Scenario) -> None:
    claims = [claim for beat in scenario for claim in beat.claims]
    gaps = [gap for beat in scenario for gap in beat.gaps]
    assert {claim.shows for claim in claims} - {""} == set(scenario.ledger.holds)
    assert {gap.id: gap.closed_by for gap in gaps} == dict(scenario.ledger.lacks)


def test_nothing_is_both_held_and_lacking(scenario: Scenario) -> None:
    assert not set(scenario.ledger.holds) & set(scenario.ledger.lacks)


def test_a_gap_is_closed_by_a_later_stage(scenario: Scenario) -> None:
    assert all(stage > 1 for stage in scenario.ledger.lacks.values())


def test_there_are_enough_claims_faults_and_gaps(scenario: Scenario) -> None:
    steps = Counter(type(step) for beat in scenario for step in beat.steps)
    assert steps[Claim] >= 6
    assert steps[Hurt] >= 2
    assert steps[Gap] >= 1


def test_ids_are_unique(scenario: Scenario) -> None:
    beats = [beat.id for beat in scenario]
    steps = [f"{beat.id}.{step.id}" for beat in scenario for step in beat.steps if isinstance(step, Claim | Gap)]
    assert len(set(beats)) == len(beats)
    assert len(set(steps)) == len(steps)


def test_a_check_of_a_running_system_stops_and_starts_nothing(scenario: Scenario) -> None:
    assert [beat.id for beat in scenario.harmless] == ["push", "stored", "python", "failing", "unreadable", "twice"]
