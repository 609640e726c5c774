"""A stage's ledger, its beats and its catalogues speak of the same things."""

from collections import Counter

import pytest

from common.lab.scenario import Claim, Gap, Hurt, Scenario
from common.lab.stages import load_stages

LESSONS = {number: spec.scenario() for number, spec in load_stages().items() if spec.scenario}


@pytest.fixture(params=sorted(LESSONS))
def number(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def scenario(number: int) -> Scenario:
    return LESSONS[str(number)]


def test_every_guarantee_is_shown_by_a_claim_and_every_lack_by_a_gap(scenario: Scenario) -> None:
    claims = [claim for beat in scenario for claim in beat.claims]
    gaps = [gap for beat in scenario for gap in beat.gaps]
    assert {claim.shows for claim in claims} - {""} == set(scenario.ledger.holds)
    assert {gap.id: gap.closed_by for gap in gaps} == dict(scenario.ledger.lacks)


def test_nothing_is_both_held_and_lacking(scenario: Scenario) -> None:
    assert not set(scenario.ledger.holds) & set(scenario.ledger.lacks)


def test_a_gap_is_closed_by_a_later_stage(number: int, scenario: Scenario) -> None:
    assert all(stage > number for stage in scenario.ledger.lacks.values())


def test_a_stage_closes_every_gap_that_earlier_ones_left_to_it(number: int, scenario: Scenario) -> None:
    left = {
        gap
        for earlier, lesson in LESSONS.items()
        if int(earlier) < number
        for gap, closed_by in lesson.ledger.lacks.items()
        if closed_by == number
    }
    assert {claim.closes for beat in scenario for claim in beat.claims} - {""} == left


def test_there_are_enough_claims_faults_and_gaps(number: int, scenario: Scenario) -> None:
    steps = Counter(type(step) for beat in scenario for step in beat.steps)
    assert steps[Claim] >= 6
    assert steps[Hurt] >= 2
    # Nothing comes after the last stage.
    assert steps[Gap] >= (number < max(map(int, LESSONS)))


def test_ids_are_unique(scenario: Scenario) -> None:
    beats = [beat.id for beat in scenario]
    steps = [f"{beat.id}.{step.id}" for beat in scenario for step in beat.steps if isinstance(step, Claim | Gap)]
    assert len(set(beats)) == len(beats)
    assert len(set(steps)) == len(steps)


HARMLESS = {
    1: ["push", "stored", "python", "failing", "unreadable", "twice"],
    2: ["tree", "spread", "strategies"],
    3: ["bus", "path", "cancel"],
    4: ["door", "submit", "wrong", "retry", "cancel", "once"],
    5: ["figures", "count", "trail", "console"],
}


def test_a_check_of_a_running_system_stops_and_starts_nothing(number: int, scenario: Scenario) -> None:
    assert [beat.id for beat in scenario.harmless] == HARMLESS[number]
