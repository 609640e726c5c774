"""What each strategy promises of its choices, and what it costs where agents are many."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from common.contracts import Candidate, Strategy
from common.domain.errors import BadSetting
from common.domain.status import Status
from common.domain.task import Task, TaskSpec
from common.strategies.consistent_hash import ConsistentHash
from common.strategies.lookup import check_strategy, load_strategies
from common.strategies.pool import Pool
from common.strategies.random_choice import Random
from common.strategies.round_robin import RoundRobin
from common.strategies.weighted import Weighted

SLOTS = 100_000


def task(name: str = "t", **labels: str) -> Task:
    return Task(name, TaskSpec(content="true", name=name, labels=labels), Status.PENDING)


def pool_of(count: int, **fields: object) -> Pool:
    pool = Pool()
    pool.update([Candidate(f"agent-{number:04}", "b", SLOTS, **fields) for number in range(count)])  # type: ignore[arg-type]
    return pool


def play(pool: Pool, strategy: Strategy, tasks: list[Task]) -> list[str]:
    chosen = []
    for one in tasks:
        candidate = strategy(one, pool.candidates(one))
        pool.chose(candidate)
        chosen.append(candidate.agent)
    return chosen


@pytest.mark.parametrize("name", sorted(load_strategies({}, installed=[])))
def test_every_strategy_chooses_one_that_fits_and_has_room(name: str) -> None:
    strategy = load_strategies({}, installed=[])[name]
    pool = Pool()
    pool.update([Candidate(f"agent-{n}", "b", 2, labels={"gpu": "yes"} if n % 2 else {}) for n in range(6)])
    chosen = play(pool, strategy, [task(f"t{n}", gpu="yes") for n in range(6)])
    assert Counter(chosen) == {"agent-1": 2, "agent-3": 2, "agent-5": 2}
    assert not len(pool.candidates(task("t6", gpu="yes")))


def test_random_gives_each_agent_about_its_share() -> None:
    counted = Counter(play(pool_of(10), Random(random.Random(7)), [task()] * 10_000))
    assert len(counted) == 10
    # Five times the standard deviation of a binomial share.
    assert all(abs(count - 1000) < 5 * 30 for count in counted.values())


def test_round_robin_goes_in_turn_also_where_agents_come_and_go() -> None:
    pool, strategy = pool_of(3), RoundRobin()
    assert play(pool, strategy, [task()] * 4) == ["agent-0000", "agent-0001", "agent-0002", "agent-0000"]
    pool.update([one for one in pool if one.agent != "agent-0001"])
    assert play(pool, strategy, [task()] * 3) == ["agent-0002", "agent-0000", "agent-0002"]


def test_least_load_evens_out_what_agents_hold_for_each_slot() -> None:
    pool = Pool()
    pool.update([Candidate("large", "b", 8), Candidate("small", "b", 2)])
    strategy = load_strategies({}, installed=[])["least-load"]
    assert Counter(play(pool, strategy, [task()] * 10)) == {"large": 8, "small": 2}


def test_weights_are_shares_of_the_work() -> None:
    pool = Pool()
    pool.update([Candidate("a", "b", SLOTS, 1.0), Candidate("b", "b", SLOTS, 2.0), Candidate("c", "b", SLOTS, 0.5)])
    counted = Counter(play(pool, Weighted(), [task()] * 3500))
    assert all(abs(counted[name] - due) <= 2 for name, due in {"a": 1000, "b": 2000, "c": 500}.items()), counted


def test_one_that_comes_later_is_not_flooded_to_make_up_for_what_it_missed() -> None:
    pool, strategy = pool_of(2), Weighted()
    play(pool, strategy, [task()] * 1000)
    pool.update([*pool, Candidate("late", "b", SLOTS)])
    counted = Counter(play(pool, strategy, [task()] * 30))
    assert 9 <= counted["late"] <= 12


def test_a_name_stays_with_its_agent_and_few_move_where_one_goes() -> None:
    pool, strategy = pool_of(10), ConsistentHash()
    names = [f"report-{number}" for number in range(2000)]
    tasks = [task(name) for name in names]
    before = dict(zip(names, play(pool, strategy, tasks), strict=True))
    assert play(pool, strategy, tasks) == list(before.values())
    assert max(Counter(before.values()).values()) < 2.5 * 200

    gone = "agent-0003"
    pool.update([one for one in pool if one.agent != gone])
    after = dict(zip(names, play(pool, strategy, tasks), strict=True))

    moved = {one for one in names if before[one] != after[one]}
    assert moved == {one for one in names if before[one] == gone}


def test_label_match_keeps_special_agents_free_for_those_who_ask() -> None:
    pool = Pool()
    pool.update([Candidate("plain", "b", 2), Candidate("special", "b", 2, labels={"gpu": "yes"})])
    strategy = load_strategies({}, installed=[])["label-match"]
    assert play(pool, strategy, [task(), task(), task("g", gpu="yes"), task()]) == ["plain"] * 2 + ["special"] * 2


@pytest.mark.parametrize("name", sorted(load_strategies({}, installed=[])))
def test_a_choice_looks_at_few_agents_however_many_there_are(name: str) -> None:
    """Counted, not timed: how often candidates are asked for what they hold."""
    looks = [_looks(load_strategies({}, installed=[])[name], count) for count in (10, 1000)]
    assert looks[1] <= 2 * looks[0] + 20, looks


def _looks(strategy: Strategy, count: int) -> float:
    asked = 0

    class Counting(Candidate):
        __slots__ = ()

        @property
        def load(self) -> float:
            nonlocal asked
            asked += 1
            return self.held / self.slots

    pool = Pool()
    pool.update([Counting(f"agent-{number:04}", "b", SLOTS) for number in range(count)])
    play(pool, strategy, [task()] * 10)
    asked = 0
    play(pool, strategy, [task(f"t{n}") for n in range(200)])
    return asked


class Cheapest:
    def __call__(self, task: Task, candidates: Sequence[Candidate]) -> Candidate:
        return candidates[0]


def test_third_parties_add_strategies_by_settings() -> None:
    known = load_strategies({"cheapest": f"{__name__}:Cheapest"}, installed=[])
    assert type(known["cheapest"]).__name__ == "Cheapest"
    check_strategy("cheapest", known)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "import string"),
        ("no.such:Thing", "can't be loaded"),
        (f"{__name__}:SLOTS", "can't be loaded"),
        (f"{__name__}:Counter", "can't be called"),
    ],
)
def test_one_that_cannot_be_had_is_named_with_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told) as error:
        load_strategies({"cheapest": text}, installed=[])
    assert "cheapest" in str(error.value)


def test_a_name_that_nobody_has_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(BadSetting, match="consistent-hash, label-match, least-load"):
        check_strategy("best", load_strategies({}, installed=[]))
