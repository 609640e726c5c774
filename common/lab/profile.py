"""On which servers a cluster runs."""

from enum import StrEnum


class Profile(StrEnum):
    """Which servers a cluster runs on."""

    EMBEDDED = "embedded"
    """What pip alone can install: valkey from the wheel, or the redis-server of this machine."""
    REAL = "real"
    """What production runs: redis-server, and ZooKeeper and Kafka where the stage has them."""
