"""The Registry contract, for every implementation."""

import threading
import time
from collections.abc import Mapping

import pytest

from common.contracts import Info, Term
from common.domain.errors import BadSetting, Unavailable
from common.lab.until import until
from tests.contracts.places import GONE, SESSION, Place
from tests.registries.onlookers import GROUP, OFFICE, Leading, Seen, agent, boots, sees

AT_ONCE = SESSION * 0.9
"""Seconds; before any session could have run out."""


def test_members_see_each_other_with_what_they_say_of_themselves(place: Place) -> None:
    here, there = place.handle(), place.handle()
    said = {"boot": "b1", "slots": 4, "labels": {"gpu": "yes"}, "host": "日本 \x00 🙂", "types": [], "load": 0.5}
    here.register(GROUP, "agent-1", said)
    there.register(GROUP, "agent-2", {})
    until(lambda: there.members(GROUP) == here.members(GROUP) == {"agent-1": said, "agent-2": {}})
    assert here.members("live-schedulers") == {}


def test_what_is_no_json_or_too_long_is_refused_before_anything_is_written(place: Place) -> None:
    registry = place.handle()
    for info in ({"boot": b"b1"}, {"boot": float("nan")}, {"boot": "b1", "labels": "x" * 1_100_000}):
        with pytest.raises(BadSetting, match="agent-1"):
            registry.register(GROUP, "agent-1", info)
    assert registry.members(GROUP) == {}


def test_who_closes_is_gone_at_once_and_others_stay(place: Place) -> None:
    registry, other = place.handle(), place.handle()
    leaving = registry.register(GROUP, "agent-1", agent("b1"))
    registry.register(GROUP, "agent-2", agent("b2"))
    until(sees(other, agent_1="b1", agent_2="b2"))
    leaving.close()
    until(sees(other, agent_2="b2"), within=AT_ONCE)
    leaving.close()
    again = registry.register(GROUP, "agent-1", agent("b3"))
    until(sees(other, agent_1="b3", agent_2="b2"), within=AT_ONCE)
    again.close()


def test_a_closed_handle_takes_all_with_it_at_once(place: Place) -> None:
    registry, other, leading = place.handle(), place.handle(), Leading()
    registry.register(GROUP, "agent-1", agent("b1"))
    registry.watch(GROUP, lambda _members: None)
    registry.campaign(OFFICE, "scheduler-1", leading)
    until(lambda: leading.leads and boots(other))
    registry.close()
    assert leading.terms[0].lost.is_set()
    assert leading.now == 0
    until(lambda: (other.leader(OFFICE), boots(other)) == (None, {}), within=AT_ONCE)


def test_a_new_boot_replaces_the_old_one_for_good(place: Place) -> None:
    old, new, other = place.handle(), place.handle(), place.handle()
    first = old.register(GROUP, "agent-1", agent("b1"))
    until(sees(other, agent_1="b1"))
    new.register(GROUP, "agent-1", agent("b2"))
    until(sees(other, agent_1="b2"), within=AT_ONCE)
    until(lambda: first.proved_until == 0.0, what="the first to find out")
    first.close()
    assert boots(other) == {"agent-1": "b2"}


def test_a_new_boot_on_the_same_handle_replaces_the_old_one_and_is_told(place: Place) -> None:
    registry, other, seen = place.handle(), place.handle(), Seen()
    first = registry.register(GROUP, "agent-1", agent("b1"))
    until(sees(other, agent_1="b1"))
    other.watch(GROUP, seen)
    until(lambda: seen.told == [{"agent-1": "b1"}])
    registry.register(GROUP, "agent-1", agent("b2"))
    until(lambda: seen.told[-1] == {"agent-1": "b2"})
    first.close()
    assert boots(other) == {"agent-1": "b2"}


def test_a_new_boot_does_not_vanish_with_the_session_of_the_one_that_died(place: Place) -> None:
    dead, new, other = place.handle(), place.handle(), place.handle()
    dead.register(GROUP, "agent-1", agent("b1"))
    until(sees(other, agent_1="b1"))
    place.cut(dead)
    new.register(GROUP, "agent-1", agent("b2"))
    until(sees(other, agent_1="b2"), within=AT_ONCE)
    over = time.monotonic() + 1.7 * SESSION
    while time.monotonic() < over:
        assert boots(other) == {"agent-1": "b2"}


def test_who_falls_silent_is_gone_after_it_knows_and_comes_back_by_itself(place: Place) -> None:
    silent, other = place.handle(), place.handle()
    registration = silent.register(GROUP, "agent-1", agent("b1"))
    assert registration.proved_until < time.monotonic() + SESSION
    until(lambda: registration.proved_until > time.monotonic())
    first = registration.proved_until
    until(lambda: registration.proved_until > first, what="a second proof")
    until(sees(other, agent_1="b1"))
    place.cut(silent)
    until(sees(other), within=GONE)
    assert registration.proved_until < time.monotonic()
    place.mend(silent)
    until(sees(other, agent_1="b1"))
    until(lambda: registration.proved_until > time.monotonic())


def test_a_watch_tells_first_who_is_present_then_all_after_each_change_and_nothing_else(place: Place) -> None:
    registry, other, seen = place.handle(), place.handle(), Seen()
    registry.register(GROUP, "agent-1", agent("b1"))
    until(sees(registry, agent_1="b1"))
    watch = other.watch(GROUP, seen)
    until(lambda: seen.told == [{"agent-1": "b1"}])
    second = registry.register(GROUP, "agent-2", agent("b2"))
    until(lambda: seen.told[1:] == [{"agent-1": "b1", "agent-2": "b2"}])
    # Longer than it takes to look anew: nobody has changed.
    over = time.monotonic() + 1.3
    until(lambda: time.monotonic() > over)
    assert len(seen.told) == 2
    second.close()
    until(lambda: seen.told[2:] == [{"agent-1": "b1"}])
    watch.close()
    registry.register(GROUP, "agent-3", agent("b3"))
    until(sees(other, agent_1="b1", agent_3="b3"))
    assert len(seen.told) == 3


def test_a_watch_of_a_group_that_is_not_there_tells_so_and_goes_on_after_an_error_of_the_watcher(place: Place) -> None:
    registry, seen = place.handle(), Seen()

    def fails(members: Mapping[str, Info]) -> None:
        seen(members)
        if not members:
            raise ValueError("a fault of the watcher")

    registry.watch(GROUP, fails)
    until(lambda: seen.told == [{}])
    registry.register(GROUP, "agent-1", agent("b1"))
    until(lambda: seen.told[-1] == {"agent-1": "b1"})


def test_a_watch_survives_an_outage(place: Place) -> None:
    watching, other, seen = place.handle(), place.handle(), Seen()
    first = other.register(GROUP, "agent-1", agent("b1"))
    watching.watch(GROUP, seen)
    until(lambda: seen.told and seen.told[-1] == {"agent-1": "b1"})
    place.cut(watching)
    first.close()
    other.register(GROUP, "agent-2", agent("b2"))
    until(sees(other, agent_2="b2"))
    place.mend(watching)
    until(lambda: seen.told[-1] == {"agent-2": "b2"})


def test_what_is_asked_of_a_registry_that_is_away_takes_effect_when_it_is_back(place: Place) -> None:
    away, other, seen, leading = place.handle(), place.handle(), Seen(), Leading()
    place.cut(away)
    registration = away.register(GROUP, "agent-1", agent("b1"))
    away.watch(GROUP, seen)
    away.campaign(OFFICE, "scheduler-1", leading)
    for ask in (lambda: away.members(GROUP), lambda: away.leader(OFFICE)):
        with pytest.raises(Unavailable):
            ask()
    assert (boots(other), other.leader(OFFICE)) == ({}, None)
    assert registration.proved_until == 0.0
    assert not seen.told
    assert not leading.terms
    place.mend(away)
    until(lambda: sees(other, agent_1="b1")() and leading.leads and seen.told and seen.told[-1])


def test_one_leads_and_everybody_sees_who(place: Place) -> None:
    here, there, first, second = place.handle(), place.handle(), Leading(), Leading()
    assert here.leader(OFFICE) is None
    here.campaign(OFFICE, "scheduler-1", first)
    until(lambda: first.leads)
    there.campaign(OFFICE, "scheduler-2", second)
    there.campaign("another", "scheduler-2", third := Leading())
    until(lambda: third.leads)
    assert there.leader(OFFICE) == here.leader(OFFICE) == ("scheduler-1", first.terms[0].epoch)
    over = time.monotonic() + SESSION
    until(lambda: time.monotonic() > over)
    assert first.leads
    assert len(first.terms) == 1
    assert not second.terms


def test_who_closes_gives_the_office_up_at_once_and_tells_lead_first(place: Place) -> None:
    here, there, first, second = place.handle(), place.handle(), Leading(), Leading()
    campaign = here.campaign(OFFICE, "scheduler-1", first)
    until(lambda: first.leads)
    there.campaign(OFFICE, "scheduler-2", second)
    campaign.close()
    assert first.terms[0].lost.is_set()
    assert first.now == 0
    until(lambda: second.leads, within=AT_ONCE)
    assert second.terms[0].epoch > first.terms[0].epoch
    campaign.close()


def test_where_lead_returns_the_office_is_given_up_and_stood_for_again(place: Place) -> None:
    here, there, first, second = place.handle(), place.handle(), Leading(), Leading()
    here.campaign(OFFICE, "scheduler-1", first)
    until(lambda: first.leads)
    there.campaign(OFFICE, "scheduler-2", second)
    first.enough.set()
    until(lambda: second.leads, within=AT_ONCE)
    first.enough.clear()
    second.enough.set()
    until(lambda: first.leads)
    epochs = [first.terms[0].epoch, second.terms[0].epoch, first.terms[-1].epoch]
    assert epochs == sorted(set(epochs))
    assert all(term.lost.is_set() for term in [first.terms[0], second.terms[0]])


def test_a_lead_that_raises_is_no_end_of_the_campaign(place: Place) -> None:
    epochs: list[int] = []

    def lead(term: Term) -> None:
        epochs.append(term.epoch)
        raise ValueError("a fault of the leader")

    place.handle().campaign(OFFICE, "scheduler-1", lead)
    until(lambda: len(epochs) >= 2)
    assert epochs == sorted(set(epochs))


def test_lead_may_close_its_own_campaign(place: Place) -> None:
    registry, closed = place.handle(), threading.Event()

    def lead(_term: Term) -> None:
        made.wait(10)
        campaign.close()
        closed.set()

    made = threading.Event()
    campaign = registry.campaign(OFFICE, "scheduler-1", lead)
    made.set()
    assert closed.wait(10)
    until(lambda: registry.leader(OFFICE) is None)


def test_who_leads_and_is_cut_off_knows_before_another_leads(place: Place) -> None:
    here, there, first, second = place.handle(), place.handle(), Leading(), Leading()
    here.campaign(OFFICE, "scheduler-1", first)
    until(lambda: first.leads)
    there.campaign(OFFICE, "scheduler-2", second)
    lost_at: list[float] = []

    def note() -> None:
        first.terms[0].lost.wait()
        lost_at.append(time.monotonic())

    noting = threading.Thread(target=note)
    noting.start()
    place.cut(here)
    until(lambda: second.leads, within=GONE)
    noting.join()
    assert lost_at[0] < second.began[0]
    assert second.terms[0].epoch > first.terms[0].epoch
    place.mend(here)
    assert second.leads
    assert there.leader(OFFICE) == ("scheduler-2", second.terms[0].epoch)


def test_a_lead_that_hangs_keeps_the_office_from_nobody_and_is_never_called_twice(place: Place) -> None:
    here, there, second, free = place.handle(), place.handle(), Leading(), threading.Event()
    terms: list[Term] = []

    def hangs(term: Term) -> None:
        terms.append(term)
        free.wait()

    here.campaign(OFFICE, "scheduler-1", hangs)
    until(lambda: terms)
    there.campaign(OFFICE, "scheduler-2", second)
    place.cut(here)
    until(lambda: second.leads, within=GONE)
    assert terms[0].lost.is_set()
    place.mend(here)
    second.enough.set()
    until(lambda: len(second.terms) > 1, what="the other to lead again, for the first still hangs")
    assert len(terms) == 1
    free.set()


def test_many_changes_make_no_two_leaders_and_no_epoch_twice(place: Place) -> None:
    epochs: list[int] = []
    inside, together = threading.Semaphore(1), []

    def lead(term: Term) -> None:
        if not inside.acquire(blocking=False):
            together.append(term.epoch)
            return
        epochs.append(term.epoch)
        term.lost.wait(0.01)
        inside.release()

    for number in range(3):
        place.handle().campaign(OFFICE, f"scheduler-{number}", lead)
    until(lambda: len(epochs) >= 12, within=20)
    assert not together
    assert epochs == sorted(set(epochs))
