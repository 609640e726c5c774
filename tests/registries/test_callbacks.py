"""What the registry calls may raise, hang, or close what calls it: nothing else is held up."""

import threading
from collections.abc import Iterator, Mapping

import pytest

from common.contracts import Info, Term
from common.lab.until import until
from tests.registries.onlookers import GROUP, OFFICE, Leading, Seen, boots
from tests.registries.served import SOON, Served


@pytest.fixture
def free() -> Iterator[threading.Event]:
    """Set in the end, so that whoever hangs on it ends too."""
    event = threading.Event()
    yield event
    event.set()


def test_a_watcher_that_hangs_holds_up_nobody_else(place: Served, free: threading.Event) -> None:
    registry, other, seen, leading, hanging = place.handle(), place.handle(), Seen(), Leading(), threading.Event()

    def hangs(_members: Mapping[str, Info]) -> None:
        hanging.set()
        free.wait()

    registry.watch(GROUP, hangs)
    assert hanging.wait(10)
    registry.watch(GROUP, seen)
    registration = registry.register(GROUP, "agent-1", {"boot": "b1"})
    registry.campaign(OFFICE, "agent-1", leading)
    until(lambda: leading.leads and seen.told[-1:] == [{"agent-1": "b1"}] and boots(other) == {"agent-1": "b1"})
    proved = registration.proved_until
    until(lambda: registration.proved_until > proved)
    registry.close()
    until(lambda: boots(other) == {} and other.leader(OFFICE) is None, within=SOON)


def test_a_watcher_that_always_raises_is_told_of_each_change_all_the_same(place: Served) -> None:
    registry, seen = place.handle(), Seen()

    def raises(members: Mapping[str, Info]) -> None:
        seen(members)
        raise ValueError("a fault of the watcher")

    registry.watch(GROUP, raises)
    until(lambda: seen.told[-1:] == [{}])
    registration = registry.register(GROUP, "agent-1", {"boot": "b1"})
    until(lambda: seen.told[-1] == {"agent-1": "b1"})
    registration.close()
    until(lambda: seen.told[-1] == {})


def test_a_watcher_may_close_its_own_watch_and_a_leader_the_whole_registry(place: Served) -> None:
    registry, other, told, closed = place.handle(), place.handle(), threading.Event(), threading.Event()
    made = threading.Event()

    def once(_members: Mapping[str, Info]) -> None:
        made.wait(10)
        watch.close()
        told.set()

    watch = registry.watch(GROUP, once)
    made.set()
    assert told.wait(10)

    def lead(_term: Term) -> None:
        registry.close()
        closed.set()

    registry.campaign(OFFICE, "agent-1", lead)
    assert closed.wait(10)
    until(lambda: other.leader(OFFICE) is None, within=SOON)


def test_a_leader_that_hangs_loses_its_office_when_its_registry_is_closed(place: Served, free: threading.Event) -> None:
    registry, other, leading, terms = place.handle(), place.handle(), Leading(), []

    def hangs(term: Term) -> None:
        terms.append(term)
        free.wait()

    registry.campaign(OFFICE, "agent-1", hangs)
    until(lambda: terms)
    other.campaign(OFFICE, "agent-2", leading)
    closing = threading.Thread(target=registry.close)
    closing.start()
    until(lambda: leading.leads, within=1 + SOON)
    assert terms[0].lost.is_set()
    free.set()
    closing.join()
