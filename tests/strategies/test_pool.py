"""The pool says the same as a look at all agents would, only without looking."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.contracts import Candidate
from common.domain.status import Status
from common.domain.task import Task, TaskSpec
from common.strategies.least_load import LeastLoad
from common.strategies.pool import MOST_VIEWS, Pool

TYPES = ("SHELL", "PYTHON", "SQL")


def task(type_: str = "SHELL") -> Task:
    return Task("t", TaskSpec(content="true", type=type_), Status.PENDING)


def agent(number: int, boot: int = 1, slots: int = 2, types: Sequence[str] = ()) -> Candidate:
    return Candidate(f"agent-{number}", f"b{boot}", slots, types=frozenset(types))


def names(found: Sequence[Candidate]) -> list[str]:
    return [one.agent for one in found]


def load(candidate: Candidate) -> tuple[float, int]:
    return candidate.load, candidate.turn


def pool_of(*candidates: Candidate) -> Pool:
    pool = Pool()
    pool.update(candidates)
    return pool


def test_an_agent_is_a_candidate_while_it_has_room() -> None:
    pool = pool_of(agent(1), agent(2))
    candidates = pool.candidates(task())
    for _ in range(2):
        pool.chose(candidates[0])
    assert names(list(candidates)) == ["agent-2"]
    assert candidates.get("agent-1") is None
    assert names(candidates.members) == ["agent-1", "agent-2"]
    pool.note("agent-1", held=1)
    assert names(list(candidates)) == ["agent-1", "agent-2"]
    pool.note("agent-1", held=2, window=1)
    assert candidates[0].room == 1


def test_one_that_is_shut_gets_nothing_until_it_is_open_again() -> None:
    pool = pool_of(agent(1), agent(2))
    pool.shut("agent-1", "drained")
    assert names(list(pool.candidates(task()))) == ["agent-2"]
    pool.shut("agent-1")
    assert names(list(pool.candidates(task()))) == ["agent-1", "agent-2"]


def test_an_agent_gets_only_the_types_that_it_runs() -> None:
    pool = pool_of(agent(1, types=["SHELL"]), agent(2, types=["PYTHON"]), agent(3))
    assert names(list(pool.candidates(task("PYTHON")))) == ["agent-2", "agent-3"]
    assert names(list(pool.candidates(task("SQL")))) == ["agent-3"]


def test_what_an_agent_holds_is_known_on_until_it_comes_as_another_boot() -> None:
    pool = pool_of(agent(1), agent(2))
    pool.note("agent-1", held=2)
    pool.update([agent(2), agent(1)])
    assert names(list(pool.candidates(task()))) == ["agent-2"]
    pool.update([agent(1, boot=2)])
    assert names(list(pool.candidates(task()))) == ["agent-1"]


def test_who_fits_is_another_object_only_when_somebody_came_or_went() -> None:
    pool = pool_of(agent(1), agent(2))
    members = pool.candidates(task()).members
    pool.update([agent(1), agent(2)])
    pool.note("agent-1", held=2)
    assert pool.candidates(task()).members is members
    pool.update([agent(1)])
    assert pool.candidates(task()).members is not members


def test_ever_new_kinds_of_task_fill_no_memory() -> None:
    pool = pool_of(agent(1))
    for number in range(3 * MOST_VIEWS):
        pool.candidates(task(f"T{number}"))
    assert len(pool._views) == MOST_VIEWS


def test_nothing_that_is_equal_to_nothing_is_looked_for_for_ever() -> None:
    pool = pool_of(agent(1), agent(2))
    assert pool.candidates(task()).least(lambda _: float("nan")) in list(pool)


def test_what_is_outdated_in_a_heap_does_not_pile_up() -> None:
    pool = pool_of(*(agent(number, slots=1000) for number in range(3)))
    candidates = pool.candidates(task())
    for number in range(2000):
        pool.note("agent-1", held=1000 - number % 900)
        assert candidates.least(load).agent != "agent-1"
    assert len(candidates._rules[load]._heap) < 100


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_whatever_happens_it_knows_what_a_look_at_all_would_find(seed: int) -> None:
    rng, pool, boots = random.Random(seed), Pool(), 1
    for _ in range(60):
        match rng.randrange(6):
            case 0:
                boots += 1
                numbers = rng.sample(range(8), rng.randrange(8))
                pool.update([agent(n, rng.choice([1, boots]), rng.randint(1, 4), [rng.choice(TYPES)]) for n in numbers])
            case 1:
                pool.note(f"agent-{rng.randrange(8)}", rng.randrange(5), rng.choice([None, 0, 2]))
            case 2:
                pool.shut(f"agent-{rng.randrange(8)}", rng.choice(["", "drained"]))
            case _:
                asked = task(rng.choice(TYPES))
                candidates = pool.candidates(asked)
                expected = [one for one in pool if one.room > 0 and asked.spec.type in one.types]
                assert list(candidates) == expected
                if expected:
                    least = LeastLoad()(asked, candidates)
                    assert load(least) == min(map(load, expected))
                    pool.chose(least)


@pytest.mark.parametrize("number", [10, 1000])
def test_of_idle_agents_each_gets_its_turn(number: int) -> None:
    pool = pool_of(*(agent(n) for n in range(number)))
    for _ in range(number):
        pool.chose(LeastLoad()(task(), pool.candidates(task())))
    assert {one.held for one in pool} == {1}
