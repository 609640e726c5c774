"""A thousand members: all are there, and a change costs what changes."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from kazoo.client import KazooClient
from redis import Redis

from common.contracts import Info
from common.lab.until import until
from common.registries.zookeeper import ZooKeeperRegistry
from tests.registries.onlookers import GROUP, Seen, boots
from tests.registries.served import Served, by_hand
from tests.servers import ServerAt

MANY = 1000


def info(number: int) -> Info:
    return {"boot": f"b{number}", "slots": 8, "host": "host-1", "pid": number, "labels": {"zone": "a"}}


THOUSAND: Mapping[str, Info] = {f"agent-{number}": info(number) for number in range(MANY)}


def fill_zookeeper(client: KazooClient, root: str) -> None:
    client.ensure_path(f"{root}/{GROUP}")
    made = [
        client.create_async(f"{root}/{GROUP}/{member}", json.dumps(said).encode(), ephemeral=True)
        for member, said in THOUSAND.items()
    ]
    for one in made:
        one.get()


def fill_redis(redis: Redis) -> None:
    redis.hset(f"registry:{GROUP}:info", mapping={member: json.dumps(said) for member, said in THOUSAND.items()})
    redis.zadd(f"registry:{GROUP}", dict.fromkeys(THOUSAND, 9_999_999_999_999))


def changes_are_told(place: Served, seen: Seen) -> None:
    """One comes, one is replaced, one goes; each is told with all the others."""
    registry = place.handle()
    all_boots = {member: said["boot"] for member, said in THOUSAND.items()}
    registry.register(GROUP, "agent-late", {"boot": "late"})
    until(lambda: seen.told[-1] == {**all_boots, "agent-late": "late"})
    registry.register(GROUP, "agent-7", {"boot": "new"})
    until(lambda: seen.told[-1] == {**all_boots, "agent-late": "late", "agent-7": "new"})
    registry.close()
    until(lambda: seen.told[-1] == {member: boot for member, boot in all_boots.items() if member != "agent-7"})


def test_a_thousand_in_zookeeper(in_zookeeper: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts, _, chroot = in_zookeeper.settings["DTS_ZOOKEEPER"].partition("/")
    registry, seen, read = in_zookeeper.handle(), Seen(), []
    assert isinstance(registry, ZooKeeperRegistry)
    zk = registry._link.zk
    get = zk.get_async

    def counted(path: str, **options: Any) -> Any:
        read.append(path)
        return get(path, **options)

    with by_hand(hosts) as client:
        fill_zookeeper(client, f"/{chroot}")
        assert registry.members(GROUP) == THOUSAND
        registry.watch(GROUP, seen)
        until(lambda: seen.told and len(seen.told[-1]) == MANY)
        monkeypatch.setattr(zk, "get_async", counted)
        changes_are_told(in_zookeeper, seen)
        assert 0 < len(read) < 20


def test_a_thousand_in_redis(in_redis: Served, redis_of: Callable[[str], ServerAt]) -> None:
    registry, seen = in_redis.handle(), Seen()
    fill_redis(redis_of("real").client())
    assert registry.members(GROUP) == THOUSAND
    registry.watch(GROUP, seen)
    until(lambda: seen.told and boots(registry) == seen.told[-1])
    changes_are_told(in_redis, seen)
