"""Which registry a process uses, by its settings."""

from collections.abc import Callable

from redis import Redis

from common.clock import Clock
from common.contracts import Registry
from common.settings import Settings
from common.store.keys import Keys


def registry_of(settings: Settings, client: Callable[..., Redis], clock: Clock) -> Registry:
    """The registry in ZooKeeper where DTS_ZOOKEEPER names one, else the one of leases in Redis.

    `client` makes a client of the settings' Redis; it takes the options of `connect`. Nothing is waited
    for. Raises BadSetting where a setting names no server.
    """
    if settings.zookeeper:
        # Only who uses ZooKeeper pays for loading its client.
        from common.registries.zookeeper import ZooKeeperRegistry
        from common.registries.zookeeper_access import zookeeper_access

        return ZooKeeperRegistry(settings.zookeeper, settings.session, clock, zookeeper_access(settings))
    from common.registries.redis_lease import RedisLeaseRegistry

    # Several tries to renew fit into a lease.
    redis = client(repeats=1, answer_within=max(0.2, settings.session / 10))
    return RedisLeaseRegistry(redis, Keys(settings.namespace), settings.session, clock)
