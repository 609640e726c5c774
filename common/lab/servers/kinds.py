"""All kinds of servers that the lab can start."""

from collections.abc import Mapping
from types import MappingProxyType

from common.lab.servers.kafka import KafkaServer
from common.lab.servers.redis import RedisServer
from common.lab.servers.server import Server
from common.lab.servers.zookeeper import ZooKeeperServer

_ALL: tuple[Server, ...] = (RedisServer(), ZooKeeperServer(), KafkaServer())

SERVERS: Mapping[str, Server] = MappingProxyType({server.role: server for server in _ALL})
"""By role."""
