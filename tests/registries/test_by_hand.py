"""Somebody deletes and writes by hand where the registry keeps its own: it lives on, and mends what is its own."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NotEmptyError
from redis import Redis

from common.contracts import Term
from common.lab.until import until
from tests.registries.onlookers import GROUP, OFFICE, Leading, Seen, boots
from tests.registries.served import Served, by_hand

RUBBISH = (b"", b"\xff\xfe\x00", b'{"boot":', b'["boot"]', b"1" * 5000, b"[" * 50_000, b'{"boot": {"b1": []}}')


class Hand(Protocol):
    """What somebody does to a registry from outside."""

    place: Served

    def delete_group(self) -> None: ...
    def delete_office(self) -> None: ...
    def write(self, member: str, text: bytes) -> None: ...


class ZooKeeperHand:
    def __init__(self, place: Served, client: KazooClient) -> None:
        self.place, self.client = place, client
        self.root = "/" + place.settings["DTS_ZOOKEEPER"].partition("/")[2]

    def delete_group(self) -> None:
        self._delete(f"{self.root}/{GROUP}")

    def delete_office(self) -> None:
        self._delete(f"{self.root}/{OFFICE}")

    def _delete(self, path: str) -> None:
        # What is deleted may be back before all is.
        with suppress(NotEmptyError):
            self.client.delete(path, recursive=True)

    def write(self, member: str, text: bytes) -> None:
        path = f"{self.root}/{GROUP}/{member}"
        self.client.ensure_path(path)
        self.client.set(path, text)


class RedisHand:
    def __init__(self, place: Served, redis: Redis) -> None:
        self.place, self.redis = place, redis

    def delete_group(self) -> None:
        self.redis.delete(f"registry:{GROUP}", f"registry:{GROUP}:info")

    def delete_office(self) -> None:
        self.redis.delete(f"office:{OFFICE}")

    def write(self, member: str, text: bytes) -> None:
        # ZADD NX: a member that is there keeps its time.
        self.redis.zadd(f"registry:{GROUP}", {member: 9_999_999_999_999}, nx=True)
        self.redis.hset(f"registry:{GROUP}:info", member, text)


@pytest.fixture(params=["in_zookeeper", "in_redis"])
def hand(request: pytest.FixtureRequest) -> Iterator[Hand]:
    place: Served = request.getfixturevalue(request.param)
    if request.param == "in_redis":
        yield RedisHand(place, request.getfixturevalue("redis_of")("real").client())
        return
    with by_hand(place.settings["DTS_ZOOKEEPER"].partition("/")[0]) as client:
        yield ZooKeeperHand(place, client)


def test_a_group_that_is_deleted_is_filled_again_by_those_who_live(hand: Hand) -> None:
    registries, seen = [hand.place.handle() for _ in range(3)], Seen()
    for number, registry in enumerate(registries):
        registry.register(GROUP, f"agent-{number}", {"boot": f"b{number}"})
    present = {f"agent-{number}": f"b{number}" for number in range(3)}
    until(lambda: boots(registries[0]) == present)
    registries[0].watch(GROUP, seen)
    until(lambda: seen.told == [present])
    for _ in range(3):
        hand.delete_group()
        until(lambda: boots(registries[0]) == present)
        until(lambda: seen.told[-1] == present)
    # And it is watched as before.
    registries[2].close()
    until(lambda: seen.told[-1] == {"agent-0": "b0", "agent-1": "b1"})


def test_an_office_that_is_deleted_is_held_again_with_a_larger_epoch_and_the_old_term_is_lost(hand: Hand) -> None:
    registries, everybody = [hand.place.handle() for _ in range(2)], [Leading() for _ in range(2)]
    for number, (registry, leading) in enumerate(zip(registries, everybody, strict=True)):
        registry.campaign(OFFICE, f"scheduler-{number}", leading)

    def leading_now() -> Term | None:
        terms = [leading.terms[-1] for leading in everybody if leading.leads]
        known = registries[0].leader(OFFICE)
        return terms[0] if known and [term.epoch for term in terms] == [known[1]] else None

    for _ in range(3):
        old = until(leading_now)
        assert old
        hand.delete_office()
        until(old.lost.is_set)
        new = until(leading_now)
        assert new
        assert new.epoch > old.epoch


def test_rubbish_in_what_a_member_says_of_itself_is_mended_by_it_and_breaks_nobody(hand: Hand) -> None:
    registry, other, seen = hand.place.handle(), hand.place.handle(), Seen()
    registration = registry.register(GROUP, "agent-1", {"boot": "b1"})
    until(lambda: boots(other) == {"agent-1": "b1"})
    other.watch(GROUP, seen)
    for rubbish in RUBBISH[:-1]:
        hand.write("agent-1", rubbish)
        until(lambda: boots(other) == {"agent-1": "b1"})
        until(lambda: seen.told and seen.told[-1] == {"agent-1": "b1"})
    registration.close()
    until(lambda: boots(other) == {})


def test_a_member_that_somebody_made_of_rubbish_says_nothing_and_hides_nobody(hand: Hand) -> None:
    registry, seen = hand.place.handle(), Seen()
    registry.register(GROUP, "agent-1", {"boot": "b1"})
    until(lambda: boots(registry) == {"agent-1": "b1"})
    registry.watch(GROUP, seen)
    for number, rubbish in enumerate(RUBBISH):
        hand.write(f"odd-{number}", rubbish)
    odd = {f"odd-{number}" for number in range(len(RUBBISH))}
    until(lambda: seen.told[-1].keys() == {"agent-1", *odd})
    assert boots(registry)["agent-1"] == "b1"
    assert all(info == {} for name, info in registry.members(GROUP).items() if name in odd - {"odd-6"})
    # Who registers there replaces it.
    registry.register(GROUP, "odd-0", {"boot": "b9"})
    until(lambda: boots(registry)["odd-0"] == "b9")


def test_odd_nodes_in_the_line_of_an_election_are_passed_over(in_zookeeper: Served) -> None:
    registry, leading = in_zookeeper.handle(), Leading()
    hosts, _, chroot = in_zookeeper.settings["DTS_ZOOKEEPER"].partition("/")
    with by_hand(hosts) as client:
        for name in ("rubbish", "by-hand-0000000000", "-0000000001", "x-00000000000000000002", "日本-0000000000"):
            client.create(f"/{chroot}/{OFFICE}/election/{name}", b"\xff", makepath=True)
        registry.campaign(OFFICE, "scheduler-1", leading)
        until(lambda: leading.leads)
        assert registry.leader(OFFICE) == ("scheduler-1", leading.terms[0].epoch)


def test_a_key_of_another_type_is_waited_out(in_redis: Served, redis_of: object) -> None:
    redis = redis_of("real").client()  # type: ignore[operator]
    redis.set(f"office:{OFFICE}", "rubbish")
    redis.set(f"registry:{GROUP}", "rubbish")
    registry, leading, seen = in_redis.handle(), Leading(), Seen()
    registry.register(GROUP, "agent-1", {"boot": "b1"})
    registry.watch(GROUP, seen)
    registry.campaign(OFFICE, "agent-1", leading)
    redis.delete(f"office:{OFFICE}", f"registry:{GROUP}")
    until(lambda: leading.leads and seen.told and seen.told[-1] == {"agent-1": "b1"})
    redis.hset(f"office:{OFFICE}", mapping={"epoch": "rubbish", "until": "9" * 400})
    old = leading.terms[0]
    until(old.lost.is_set)
    until(lambda: leading.leads)
    assert leading.terms[-1].epoch > old.epoch
