"""A private Kafka: one node that is broker and controller (KRaft), set up for a small machine, not for production.

https://kafka.apache.org/documentation/#brokerconfigs
"""

import base64
import shlex
import socket
import struct
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.lab.home import Member
from common.lab.ports import LOOPBACK, listened
from common.lab.servers.jvm import LOG, java, properties
from common.lab.servers.server import Site

HEAP = 384
NODE = 1
SETTINGS: Mapping[str, object] = {
    "process.roles": "broker,controller",
    "node.id": NODE,
    "controller.listener.names": "CONTROLLER",
    # There is one node to hold a copy.
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.num.partitions": 4,
    # Groups of a moment: nobody waits for more members, and a lost one is seen soon.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1_000,
    # A broker that was killed is refused until its old registration has run out: 3 s instead of 22.
    "broker.session.timeout.ms": 1_500,
    "broker.heartbeat.interval.ms": 300,
    # 128 MB by default, which is more than a third of the heap.
    "log.cleaner.dedupe.buffer.size": 2_097_152,
    # A topic that nobody made is a mistake in a name.
    "auto.create.topics.enable": "false",
}
"""What is the same for all; ports and directories are added."""
LOGGED = (
    # These print all settings there are, several times.
    f"{LOG}log.org.apache.kafka.common.config.AbstractConfig=warn",
    f"{LOG}log.kafka.server.KafkaConfig=warn",
)


class KafkaServer:
    """The only node of its Kafka."""

    role = "kafka"
    setting = "DTS_KAFKA"
    ports = 2
    """For clients, for the controller."""
    within = 60.0

    def command(self, site: Site) -> list[str]:
        start = java(self.role, site.jars, HEAP, *LOGGED)
        config = site.data / "server.properties"
        config.write_text(properties(_config(site)))
        format_storage = [
            *(*start, "kafka.tools.StorageTool", "format", "--ignore-formatted"),
            *("--cluster-id", _new_cluster_id(), "--config", str(config)),
        ]
        # Once: it takes most of a second.
        formatted = shlex.quote(str(_log(site.data) / "meta.properties"))
        run = shlex.join([*start, "kafka.Kafka", str(config)])
        return ["sh", "-c", f"[ -e {formatted} ] || {shlex.join(format_storage)} || exit; exec {run}"]

    def address(self, servers: Sequence[Member]) -> str:
        return ",".join(f"{LOOPBACK}:{server.port}" for server in servers)

    def answers(self, site: Site) -> bool:
        """Whether its controller counts a broker as alive."""
        return _brokers(site.member.port) > 0 and set(site.member.ports) <= listened(site.member.pid)


def _config(site: Site) -> dict[str, object]:
    clients, controller = (f"{LOOPBACK}:{port}" for port in site.member.ports)
    return {
        **SETTINGS,
        "listeners": f"PLAINTEXT://{clients},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{clients}",
        # Stands here and not in the data, which may come up again on other ports.
        "controller.quorum.voters": f"{NODE}@{controller}",
        "log.dirs": _log(site.data),
    }


def _log(data: Path) -> Path:
    return data / "log"


def _new_cluster_id() -> str:
    """16 bytes in base64; the beginning is fixed, as a command line would take one with a dash for an option."""
    return base64.urlsafe_b64encode(b"dts" + uuid.uuid4().bytes[3:]).decode().rstrip("=")


def _brokers(port: int) -> int:
    """How many brokers are alive; 0 where nobody answers so.

    One request by hand, Metadata v4 about no topic: a client would go on trying for half a minute, and log it.
    https://kafka.apache.org/protocol#The_Messages_Metadata
    """
    client = b"dts"
    request = struct.pack(">hhih", 3, 4, 1, len(client)) + client + struct.pack(">i?", 0, False)
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.4) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                _, same, _, brokers = struct.unpack(">iiii", answer.read(16))
                return brokers if same == 1 else 0
    except (OSError, struct.error):
        return 0
