"""An agent goes on while one of its two keys proves that it lives, and ends its tasks before both are over."""

from collections.abc import Mapping

import pytest

from common.clock import SystemClock
from common.domain.errors import Unavailable
from stage1_mvp.lease import Holder, LeaseKeeper

T = 10.0


class Kept:
    """The leases of a server that can be away, or forget."""

    def __init__(self) -> None:
        self.holder = ""
        self.away = False

    def take(self, agent: str, boot: str, seconds: float, info: Mapping[str, str | int]) -> bool:
        self.answer()
        self.holder = self.holder or boot
        return self.holder == boot

    def renew(self, agent: str, boot: str, seconds: float) -> bool:
        self.answer()
        return self.holder == boot

    def release(self, agent: str, boot: str) -> None: ...

    def server(self) -> str:
        return ""

    def answer(self) -> None:
        if self.away:
            raise Unavailable("away")


class HandClock(SystemClock):
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Watched:
    """A keeper, what it promised last, and whether it gave up."""

    def __init__(self) -> None:
        self.clock, self.leases = HandClock(), Kept()
        self.registry_until = 0.0
        self.promised, self.lost = 0.0, False
        self.keeper = LeaseKeeper(
            self.leases,  # type: ignore[arg-type]
            Holder("agent-1", "b", {}, T),
            self.clock,
            answer_within=0.5,
            lost=self.give_up,
            promise=self.promise,
            also=lambda: self.registry_until,
        )
        assert self.keeper.acquire(lambda _: True)

    def give_up(self) -> None:
        self.lost = True

    def promise(self, until: float) -> None:
        self.promised = until

    def after(self, seconds: float) -> "Watched":
        self.clock.now += seconds
        self.keeper.step()
        return self


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_while_the_registry_proves_that_it_lives_it_outlasts_its_lease(watched: Watched) -> None:
    watched.leases.away = True
    watched.registry_until = watched.clock.now + 3 * T
    for _ in range(5):
        assert not watched.after(T / 2).lost
    assert watched.promised == watched.registry_until, "the fence ends what runs when that is over"
    assert watched.after(T).lost


def test_a_lease_that_ran_out_meanwhile_is_taken_again(watched: Watched) -> None:
    watched.registry_until = watched.clock.now + 3 * T
    watched.leases.holder = ""
    assert not watched.after(2 * T).lost
    assert watched.leases.holder == "b"
    watched.registry_until = 0.0
    assert not watched.after(1).lost


def test_a_lease_that_another_boot_has_taken_is_not_fought_for(watched: Watched) -> None:
    watched.registry_until = watched.clock.now + 3 * T
    watched.leases.holder = "another"
    assert watched.after(1).lost


def test_without_the_other_key_the_lease_alone_counts(watched: Watched) -> None:
    watched.leases.holder = ""
    assert watched.after(1).lost


def test_it_gives_up_while_both_still_hold_for_others(watched: Watched) -> None:
    watched.leases.away = True
    watched.registry_until = watched.clock.now + 5
    watched.after(T - 1.2)
    assert watched.lost, "an answer could not come in time any more"
