"""The registry's server is away: at the start, for a moment, past the session, for ever; with its data and without."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

import pytest

from common.contracts import Registry
from common.domain.errors import Unavailable
from common.lab.cluster import Cluster
from common.lab.errors import WrongState
from common.lab.until import until
from common.registries.repeating import END_WITHIN
from tests.conftest import OwnRedis
from tests.registries.onlookers import GROUP, OFFICE, Leading, Seen, boots, led_one_after_the_other
from tests.registries.served import SESSION, SOON, Served, of_zookeeper, served
from tests.servers import ServerAt


class Hurt(Protocol):
    """A server that can be hurt, and the registry there."""

    place: Served

    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def kill(self) -> None: ...
    def start(self) -> None: ...


class HurtZooKeeper:
    def __init__(self, place: Served, cluster: Cluster) -> None:
        self.place, self._cluster = place, cluster

    def freeze(self) -> None:
        self._cluster.fault("freeze", "zookeeper")

    def thaw(self) -> None:
        self._cluster.fault("thaw", "zookeeper")

    def kill(self) -> None:
        self._cluster.fault("kill", "zookeeper")

    def start(self) -> None:
        self._cluster.start("zookeeper")


class HurtRedis:
    """It comes back without its data."""

    def __init__(self, place: Served, server: ServerAt) -> None:
        self.place = place
        self.freeze, self.thaw, self.kill, self.start = server.freeze, server.thaw, server.kill, server.start


@pytest.fixture(params=["zookeeper", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[Hurt]:
    if request.param == "redis":
        own: OwnRedis = request.getfixturevalue("own_redis")
        redis = own()
        with served(redis_url=redis.url) as place:
            yield HurtRedis(place, redis)
        return
    cluster: Cluster = request.getfixturevalue("zookeeper")
    with of_zookeeper(cluster.environment["DTS_ZOOKEEPER"]) as place:
        yield HurtZooKeeper(place, cluster)
        for cure in ("thaw", "start"):
            with suppress(WrongState):
                cluster.fault(cure, "zookeeper")


def wait(seconds: float) -> None:
    over = time.monotonic() + seconds
    until(lambda: time.monotonic() > over, within=seconds + 1)


class Everything:
    """Two handles, each with a member and a candidate, and a watch."""

    def __init__(self, place: Served) -> None:
        self.registries = [place.handle(), place.handle()]
        self.leading = [Leading(), Leading()]
        self.seen = Seen()
        began = time.monotonic()
        self.registrations = [
            registry.register(GROUP, f"agent-{number}", {"boot": f"b{number}"})
            for number, registry in enumerate(self.registries)
        ]
        for number, (registry, leading) in enumerate(zip(self.registries, self.leading, strict=True)):
            registry.campaign(OFFICE, f"agent-{number}", leading)
        self.registries[0].watch(GROUP, self.seen)
        self.asked_for = time.monotonic() - began

    def is_there(self) -> bool:
        return (
            any(leading.leads for leading in self.leading)
            and bool(self.seen.told)
            and self.seen.told[-1] == {"agent-0": "b0", "agent-1": "b1"}
            and all(one.proved_until > time.monotonic() for one in self.registrations)
        )

    def close(self) -> float:
        """How many seconds it took."""
        began = time.monotonic()
        for registry in self.registries:
            registry.close()
        return time.monotonic() - began


def answers(registry: Registry) -> bool:
    try:
        return boots(registry) is not None
    except Unavailable:
        return False


def test_what_is_asked_of_a_server_that_is_not_there_yet_takes_effect_when_it_comes(server: Hurt) -> None:
    server.kill()
    everything = Everything(server.place)
    assert everything.asked_for < SOON
    with pytest.raises(Unavailable):
        everything.registries[0].members(GROUP)
    assert not everything.seen.told
    server.start()
    until(everything.is_there)


def test_a_moment_without_an_answer_takes_nobody_away(server: Hurt) -> None:
    everything = Everything(server.place)
    until(everything.is_there)
    told = len(everything.seen.told)
    server.freeze()
    wait(1.0)
    server.thaw()
    until(lambda: answers(everything.registries[1]) and everything.is_there())
    assert everything.seen.told[told:] == []
    everything.close()
    assert led_one_after_the_other(*everything.leading)


def test_after_an_outage_past_the_session_all_is_as_it_was_with_a_larger_epoch(server: Hurt) -> None:
    everything = Everything(server.place)
    until(everything.is_there)
    before = max(leading.epochs[-1] for leading in everything.leading if leading.terms)
    server.freeze()
    until(lambda: not any(leading.leads for leading in everything.leading), within=SESSION)
    until(lambda: all(one.proved_until < time.monotonic() for one in everything.registrations), within=SESSION)
    wait(1.5 * SESSION)
    server.thaw()
    until(everything.is_there)
    assert max(leading.epochs[-1] for leading in everything.leading if leading.terms) > before
    everything.close()
    assert led_one_after_the_other(*everything.leading)


def test_a_server_that_is_killed_and_started_again_finds_everybody_again(server: Hurt) -> None:
    everything = Everything(server.place)
    until(everything.is_there)
    server.kill()
    wait(SESSION)
    server.start()
    until(everything.is_there)
    everything.close()
    assert led_one_after_the_other(*everything.leading)


def test_where_the_server_never_comes_back_closing_takes_no_longer_than_a_moment(server: Hurt) -> None:
    everything = Everything(server.place)
    until(everything.is_there)
    server.kill()
    assert everything.close() < 2 * 5
    assert not any(leading.now for leading in everything.leading)


def test_where_the_server_only_hangs_closing_ends_too(server: Hurt) -> None:
    everything = Everything(server.place)
    until(everything.is_there)
    server.freeze()
    assert everything.close() < 2 * 5
    assert not any(leading.now for leading in everything.leading)


def test_who_closes_while_the_server_is_away_is_gone_when_it_is_back(server: Hurt) -> None:
    registry, other, first, second = server.place.handle(), server.place.handle(), Leading(), Leading()
    registration = registry.register(GROUP, "agent-1", {"boot": "b1"})
    campaign = registry.campaign(OFFICE, "agent-1", first)
    until(lambda: first.leads and boots(other) == {"agent-1": "b1"})
    other.campaign(OFFICE, "agent-2", second)
    server.freeze()
    began = time.monotonic()
    campaign.close()
    registration.close()
    assert time.monotonic() < began + 2 * END_WITHIN + SOON
    server.thaw()
    # The handle lives on, and its session with it.
    until(lambda: second.leads and boots(other) == {})
    assert led_one_after_the_other(first)
    assert not first.now


def test_a_watch_misses_nothing_that_went_on_while_it_was_cut_off(server: Hurt) -> None:
    everything = Everything(server.place)
    until(everything.is_there)
    server.freeze()
    wait(0.5)
    everything.registrations[1].close()
    later = server.place.handle()
    later.register(GROUP, "agent-2", {"boot": "b2"})
    server.thaw()
    until(lambda: everything.seen.told[-1] == {"agent-0": "b0", "agent-2": "b2"})
