"""Leases: one boot at a time, for a bounded time, never taken from another."""

import pytest
from redis import Redis

from common.lab.until import until
from common.store.keys import Keys
from common.store.leases import Leases


@pytest.fixture
def leases(redis: Redis, keys: Keys) -> Leases:
    return Leases(redis, keys)


def test_a_lease_tells_who_holds_it_and_ends_by_itself(leases: Leases, redis: Redis) -> None:
    assert leases.take("agent-1", "boot-1", 0.05, {"host": "here", "pid": 7})
    holder = redis.hgetall("agent:agent-1")
    assert holder | {"boot": "boot-1", "host": "here", "pid": "7"} == holder
    assert 0 < redis.pttl("agent:agent-1") <= 50
    until(lambda: leases.take("agent-1", "boot-2", 60, {}), what="the lease to run out")


def test_nobody_takes_a_lease_that_is_held(leases: Leases, redis: Redis) -> None:
    assert leases.take("agent-1", "boot-1", 60, {"host": "here"})
    assert not leases.take("agent-1", "boot-2", 60, {"host": "there"})
    assert not leases.renew("agent-1", "boot-2", 60)
    assert redis.hget("agent:agent-1", "host") == "here"


def test_taking_it_again_is_harmless_and_renews_it(leases: Leases, redis: Redis) -> None:
    assert leases.take("agent-1", "boot-1", 1, {})
    assert leases.take("agent-1", "boot-1", 60, {})
    assert redis.pttl("agent:agent-1") > 1000


def test_a_lease_is_renewed_only_while_it_is_held(leases: Leases, redis: Redis) -> None:
    assert not leases.renew("agent-1", "boot-1", 60)
    assert redis.exists("agent:agent-1") == 0
    assert leases.take("agent-1", "boot-1", 1, {})
    assert leases.renew("agent-1", "boot-1", 60)
    assert redis.pttl("agent:agent-1") > 1000


def test_a_lease_is_given_back_only_by_its_holder(leases: Leases) -> None:
    assert leases.take("agent-1", "boot-1", 60, {})
    leases.release("agent-1", "boot-2")
    assert not leases.take("agent-1", "boot-2", 60, {})
    leases.release("agent-1", "boot-1")
    leases.release("agent-1", "boot-1")
    assert leases.take("agent-1", "boot-2", 60, {})


def test_agents_do_not_disturb_each_other(leases: Leases) -> None:
    assert leases.take("agent-1", "boot-1", 60, {})
    assert leases.take("agent-2", "boot-2", 60, {})
    leases.release("agent-1", "boot-1")
    assert leases.renew("agent-2", "boot-2", 60)
