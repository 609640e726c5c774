"""Which bus a process uses, by its settings."""

from collections.abc import Callable

from redis import Redis

from common.contracts import Bus
from common.domain.ids import Ids
from common.settings import Settings
from common.store.keys import Keys


def bus_of(settings: Settings, client: Callable[..., Redis], ids: Ids, name: str) -> Bus:
    """The bus on Kafka where DTS_KAFKA names one, else the one of lists in Redis.

    `client` makes a client of the settings' Redis, with the options of `connect`; `name` says who this is. Nothing
    is waited for. Raises BadSetting where a setting names no server.
    """
    if settings.kafka:
        # Only who uses Kafka pays for loading its client.
        from common.transports.kafka_access import kafka_access
        from common.transports.kafka_bus import KafkaBus
        from common.transports.kafka_client import KafkaLink

        link = KafkaLink(settings.kafka, name, kafka_access(settings))
        return KafkaBus(link, settings.namespace, settings.session)
    from common.transports.redis_bus import RedisBus

    return RedisBus(client, Keys(settings.namespace), ids, settings.session)
