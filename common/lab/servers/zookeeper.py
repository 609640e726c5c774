"""A private ZooKeeper, of one node or of an ensemble of several.

https://zookeeper.apache.org/doc/r3.9.3/zookeeperAdmin.html#sc_configuration
"""

import socket
from collections.abc import Mapping, Sequence

from common.lab.home import Member
from common.lab.ports import LOOPBACK, listened
from common.lab.servers.jvm import java, properties
from common.lab.servers.server import Site

HEAP = 128
SETTINGS: Mapping[str, object] = {
    # Short ticks: a session that is lost is seen soon, and ephemeral nodes go soon after it.
    "tickTime": 500,
    "initLimit": 20,
    "syncLimit": 10,
    # Else ticks would bound what a client may ask for: 2 to 20 of them.
    "minSessionTimeout": 1_000,
    "maxSessionTimeout": 120_000,
    # All clients of this machine have one address.
    "maxClientCnxns": 0,
    "clientPortAddress": LOOPBACK,
    "admin.enableServer": "false",
    "4lw.commands.whitelist": "srvr,ruok,stat,mntr",
    "autopurge.snapRetainCount": 3,
    "autopurge.purgeInterval": 1,
}
"""What is the same for all; ports and directories are added."""
OPTIONS = (
    # KB by which a log grows, else 64 MB.
    "-Dzookeeper.preAllocSize=4096",
    # A port that is taken stays so; the lab takes others as soon as this one has ended.
    "-Dzookeeper.electionPortBindRetry=1",
)


class ZooKeeperServer:
    """One node of ZooKeeper; its number in the ensemble is its place among its peers."""

    role = "zookeeper"
    setting = "DTS_ZOOKEEPER"
    ports = 3
    """For clients, for followers, for elections."""
    within = 30.0

    def command(self, site: Site) -> list[str]:
        start = java(self.role, site.jars, HEAP, *OPTIONS)
        config = site.data / "zoo.cfg"
        (site.data / "myid").write_text(f"{site.peers.index(site.member) + 1}\n")
        config.write_text(properties(_config(site)))
        return [*start, "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(config)]

    def address(self, servers: Sequence[Member]) -> str:
        return ",".join(f"{LOOPBACK}:{server.port}" for server in servers)

    def answers(self, site: Site) -> bool:
        """Whether it serves, alone or in a quorum.

        It may serve before it gives up on its port for elections, where another program has that.
        """
        client, _, election = site.member.ports
        needed = {client} if len(site.peers) == 1 else {client, election}
        return bool(mode_of(client)) and needed <= listened(site.member.pid)


def _config(site: Site) -> dict[str, object]:
    ensemble = {
        f"server.{number}": f"{LOOPBACK}:{peer.ports[1]}:{peer.ports[2]}" for number, peer in enumerate(site.peers, 1)
    }
    own = {"dataDir": site.data, "clientPort": site.member.port}
    return {**SETTINGS, **own, **(ensemble if len(ensemble) > 1 else {})}


def mode_of(port: int) -> str:
    """What a node is now: standalone, leader or follower; empty where it does not serve. Takes 0.4 s at most."""
    return next((line[6:] for line in _srvr(port).splitlines() if line.startswith("Mode: ")), "")


def _srvr(port: int) -> str:
    """What a node says of itself, its mode among it where it serves; empty where none answers."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.4) as connection:
            connection.sendall(b"srvr")
            with connection.makefile("rb") as answer:
                return answer.read(10_000).decode(errors="replace")
    except OSError:
        return ""
