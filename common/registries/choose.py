"""Which registry a process uses, by its settings."""

from common.clock import Clock
from common.contracts import Registry
from common.settings import Settings
from common.store.keys import Keys
from common.transports.redis_client import connect


def registry_of(settings: Settings, clock: Clock) -> Registry:
    """The registry in ZooKeeper where DTS_ZOOKEEPER names one, else the one of leases in Redis.

    Nothing is waited for. Raises BadSetting where a setting names no server.
    """
    if settings.zookeeper:
        # Only who uses ZooKeeper pays for loading its client.
        from common.registries.zookeeper import ZooKeeperRegistry

        return ZooKeeperRegistry(settings.zookeeper, settings.session, clock)
    from common.registries.redis_lease import RedisLeaseRegistry

    # Several tries to renew fit into a lease.
    redis = connect(settings.redis_url, repeats=1, answer_within=max(0.2, settings.session / 10))
    return RedisLeaseRegistry(redis, Keys(settings.namespace), settings.session, clock)
