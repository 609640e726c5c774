"""A private ZooKeeper, of one node and of three: it serves, is hurt, comes back, and keeps what it was told."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from common.lab.cluster import Cluster
from common.lab.home import Member
from common.lab.infra import servers
from common.lab.ports import LOOPBACK, free_ports
from common.lab.profile import Profile
from common.lab.servers.jvm import properties
from common.lab.servers.server import Site
from common.lab.servers.zookeeper import ZooKeeperServer
from common.lab.until import until
from tests.conftest import OwnServers
from tests.lab.members import nothing_left_of


@contextmanager
def client_of(cluster: Cluster, session: float = 10.0) -> Iterator[KazooClient]:
    client = KazooClient(cluster.environment["DTS_ZOOKEEPER"], timeout=session)
    client.start(timeout=20)
    try:
        yield client
    finally:
        client.stop()
        client.close()


def test_one_node_takes_what_it_is_told_and_gives_it_back(zookeeper: Cluster) -> None:
    with client_of(zookeeper) as client:
        client.create("/told/here", b"yes", makepath=True)
        assert client.get("/told/here")[0] == b"yes"
        client.delete("/told", recursive=True)


def test_a_client_gets_the_session_it_asks_for_whatever_the_servers_tick_is(zookeeper: Cluster) -> None:
    for session in (1.0, 30.0):
        with client_of(zookeeper, session) as client:
            assert client._session_timeout == session * 1000


def test_it_listens_on_the_loopback_address_alone(zookeeper: Cluster) -> None:
    port = zookeeper.member("zookeeper").port
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.2", port), timeout=2):
        pass


def test_three_nodes_tell_each_other_what_they_are_told(ensemble: Cluster) -> None:
    assert len(ensemble.environment["DTS_ZOOKEEPER"].split(",")) == 3
    assert [member.name for member in ensemble.members()] == ["zookeeper-1", "zookeeper-2", "zookeeper-3"]
    with client_of(ensemble) as client:
        client.create("/shared", b"yes")
    for member in ensemble.members():
        with_one = KazooClient(f"{LOOPBACK}:{member.port}")
        with_one.start(timeout=20)
        with_one.sync("/shared")
        assert with_one.get("/shared")[0] == b"yes"
        with_one.stop()
        with_one.close()
    with client_of(ensemble) as client:
        client.delete("/shared")


def test_three_nodes_go_on_while_one_of_them_is_away(ensemble: Cluster) -> None:
    with client_of(ensemble) as client:
        for member in ensemble.members():
            ensemble.fault("kill", member.name)
            client.retry(client.create, "/survives", member.name.encode())
            client.retry(client.delete, "/survives")
            ensemble.start(member.name)
            assert ensemble.answers(member.name)


def test_a_node_that_comes_back_before_the_others_waits_for_them(own_servers: OwnServers) -> None:
    cluster = own_servers("zookeeper", zookeepers=3)
    for member in cluster.members():
        cluster.fault("kill", member.name)
    cluster.start("zookeeper-2")
    assert not cluster.answers("zookeeper-2")
    cluster.start("zookeeper-1")
    until(lambda: cluster.answers("zookeeper-1") and cluster.answers("zookeeper-2"))


def test_it_comes_back_after_a_crash_with_its_port_and_what_it_was_told(own_servers: OwnServers) -> None:
    cluster = own_servers("zookeeper")
    where = cluster.environment
    with client_of(cluster) as client:
        client.create("/kept", b"yes")
    cluster.fault("kill", "zookeeper")
    assert not cluster.answers("zookeeper")
    cluster.start("zookeeper")
    assert cluster.environment == where
    with client_of(cluster) as client:
        assert client.get("/kept")[0] == b"yes"


def test_data_that_is_kept_serves_on_other_ports_and_in_a_home_with_odd_characters(
    tmp_path: Path, zookeeper: Cluster
) -> None:
    del zookeeper  # skips, or fails, where there is none
    home = tmp_path / 'it\'s a "home" = ü\\u'
    first = Cluster.up(home, servers(("zookeeper",), 3), Profile.REAL)
    with client_of(first) as client:
        client.create("/kept", b"yes")
    before = first.environment
    first.down(keep_data=True)
    with Cluster.owned(home, servers(("zookeeper",), 3), Profile.REAL) as second, client_of(second) as client:
        assert second.environment != before
        assert client.get("/kept")[0] == b"yes"
    assert nothing_left_of(home)


def test_ports_that_other_programs_take_first_are_not_insisted_on(
    zookeeper: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    del zookeeper
    free = free_ports()
    # Two tries for three nodes: first the second node's port for clients is taken, then that for elections.
    tries = [[next(free) for _ in range(9)] for _ in range(2)]
    offered = chain(*tries, free)
    monkeypatch.setattr("common.lab.starting.free_ports", lambda: offered)
    with ExitStack() as at_the_end:
        for place, ports in zip((3, 5), tries, strict=True):
            at_the_end.enter_context(socket.create_server((LOOPBACK, ports[place])))
        with Cluster.temporary(servers(("zookeeper",), 3), Profile.REAL) as cluster:
            used = {port for member in cluster.members() for port in member.ports}
            assert not used & set(chain(*tries))
            assert all(cluster.answers(member.name) for member in cluster.members())


def test_another_server_at_its_port_is_not_taken_for_it(zookeeper: Cluster, tmp_path: Path) -> None:
    member = replace(zookeeper.member("zookeeper"), pid=os.getpid())
    assert not ZooKeeperServer().answers(Site(member, [member], tmp_path, Profile.REAL, tmp_path))


def test_what_listens_and_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        member = Member("zookeeper", "zookeeper", [], [silent.getsockname()[1], 0, 0])
        assert not ZooKeeperServer().answers(Site(member, [member], tmp_path, Profile.REAL, tmp_path))


def test_text_that_is_not_ascii_is_escaped_in_its_settings() -> None:
    assert properties({"dir": "/ü\\x/\U0001f600"}) == "dir=/\\u00fc\\u005cx/\\ud83d\\ude00\n"


def test_an_address_names_all_nodes() -> None:
    nodes = [Member(f"zookeeper-{number}", "zookeeper", [], [number, 0, 0]) for number in (1, 2)]
    assert ZooKeeperServer().address(nodes) == "127.0.0.1:1,127.0.0.1:2"
