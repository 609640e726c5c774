"""Processes that hold a presence and an office are frozen, killed and replaced; the others see it in time."""

import time

from common.contracts import Registry
from common.lab.until import until
from tests.registries.holders import StartHolder
from tests.registries.onlookers import GROUP, OFFICE, Leading, Seen, boots
from tests.registries.served import SESSION, SOON, Served

IN_TIME = SESSION + SOON
"""Seconds within which who fell silent is gone for everybody."""


def nobody_leads_and_nobody_is_there(registry: Registry) -> bool:
    return registry.leader(OFFICE) is None and not registry.members(GROUP)


def test_a_frozen_holder_is_gone_in_time_and_finds_its_term_lost_when_it_thaws(
    place: Served, start: StartHolder
) -> None:
    other, seen, leading = place.handle(), Seen(), Leading()
    frozen = start("agent-1", "b1")
    epoch = frozen.told("leads")["epoch"]
    frozen.told("proved")
    other.watch(GROUP, seen)
    other.campaign(OFFICE, "agent-2", leading)
    until(lambda: seen.told and seen.told[-1] == {"agent-1": "b1"})
    frozen.freeze()
    until(lambda: leading.leads and seen.told[-1] == {}, within=IN_TIME)
    thawed = time.monotonic()
    frozen.thaw()
    lost = frozen.told("lost")
    assert lost["epoch"] == epoch < leading.terms[0].epoch
    assert lost["at"] < thawed + SOON / 2
    assert lost["acted"] < leading.began[0]
    until(lambda: boots(other) == {"agent-1": "b1"}, what="it to come back, as nobody has taken its place")
    assert leading.leads
    assert other.leader(OFFICE) == ("agent-2", leading.terms[0].epoch)


def test_a_frozen_holder_whose_place_is_taken_meanwhile_stays_away(place: Served, start: StartHolder) -> None:
    other = place.handle()
    frozen = start("agent-1", "b1")
    frozen.told("proved")
    frozen.freeze()
    other.register(GROUP, "agent-1", {"boot": "b2"})
    until(lambda: boots(other) == {"agent-1": "b2"}, within=SOON)
    frozen.thaw()
    frozen.told("unproved")
    frozen.close()
    frozen.told("closed")
    assert boots(other) == {"agent-1": "b2"}


def test_a_killed_holder_is_gone_in_time(place: Served, start: StartHolder) -> None:
    other, leading = place.handle(), Leading()
    killed = start("agent-1", "b1")
    epoch = killed.told("leads")["epoch"]
    killed.told("proved")
    other.campaign(OFFICE, "agent-2", leading)
    killed.kill()
    until(lambda: leading.leads and boots(other) == {}, within=IN_TIME)
    assert leading.terms[0].epoch > epoch


def test_a_holder_that_ends_is_gone_at_once(place: Served, start: StartHolder) -> None:
    other, leading = place.handle(), Leading()
    ending = start("agent-1", "b1")
    ending.told("leads")
    ending.told("proved")
    other.campaign(OFFICE, "agent-2", leading)
    ending.close()
    until(lambda: leading.leads and boots(other) == {}, within=SOON)
    assert ending.told("lost")["at"] < leading.began[0]


def test_of_two_processes_with_one_id_the_later_stays_and_the_earlier_does_not_fight(
    place: Served, start: StartHolder
) -> None:
    other, seen = place.handle(), Seen()
    earlier = start("agent-1", "b1")
    earlier.told("proved")
    other.watch(GROUP, seen)
    later = start("agent-1", "b2")
    later.told("proved")
    earlier.told("unproved")
    over = time.monotonic() + SESSION
    until(lambda: time.monotonic() > over)
    assert seen.told == [{"agent-1": "b1"}, {"agent-1": "b2"}]
    assert not later.events("unproved")
