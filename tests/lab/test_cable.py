"""A cable leads on what comes, and can be cut as a network is."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from common.lab.cable import Cable
from common.lab.cluster import Cluster
from common.lab.ports import LOOPBACK, free_ports, is_free
from common.lab.stages import Sizes, stage
from common.lab.until import until

SHORT = 0.2
"""Seconds in which what is not held up has come."""


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server((LOOPBACK, 0)) as listening:
        listening.settimeout(10)
        yield listening


def test_what_is_sent_into_a_cut_cable_arrives_when_it_is_whole_again(server: socket.socket) -> None:
    with closing(Cable(server.getsockname()[1])) as cable, _connected(cable) as here:
        there, _ = server.accept()
        with there:
            cable.cut()
            here.sendall(b"late")
            there.settimeout(SHORT)
            with pytest.raises(TimeoutError):
                there.recv(4)
            cable.mend()
            there.settimeout(10)
            assert there.recv(4) == b"late"
            there.sendall(b"back")
            assert here.recv(4) == b"back"


def test_one_end_that_closes_closes_the_other(server: socket.socket) -> None:
    with closing(Cable(server.getsockname()[1])) as cable:
        for closed_here in (True, False):
            here = _connected(cable)
            there, _ = server.accept()
            with here, there:
                one, other = (here, there) if closed_here else (there, here)
                one.close()
                other.settimeout(10)
                assert other.recv(1) == b""


def test_where_nobody_listens_at_its_end_it_closes() -> None:
    port = next(free_ports())
    with closing(Cable(port)) as cable, _connected(cable) as here:
        assert here.recv(1) == b""


def test_one_agent_alone_has_none() -> None:
    assert "cable" not in [member.name for member in stage("2").members(Sizes(agents=1))]
    assert "cable" in [member.name for member in stage("2").members(Sizes(agents=2))]


def test_an_agent_that_is_started_behind_a_cut_cable_is_back_when_it_is_whole() -> None:
    with Cluster.temporary(stage("2"), env={"DTS_LEASE": "2", "DTS_SESSION": "2"}, agents=2, schedulers=1) as cluster:
        cluster.fault("kill", "agent-2")
        cluster.fault("freeze", "cable")
        cluster.start("agent-2")
        cluster.fault("thaw", "cable")
        pid = cluster.member("agent-2").pid
        until(lambda: _registered(cluster).get("agent-2") == pid, 30)


def test_a_cable_that_was_killed_comes_back_on_its_ports() -> None:
    with Cluster.temporary(stage("2"), agents=2, schedulers=1) as cluster:
        ports = cluster.member("cable").ports
        cluster.fault("kill", "cable")
        assert all(is_free(port) for port in ports)
        cluster.start("cable")
        assert not any(is_free(port) for port in ports)


def _connected(cable: Cable) -> socket.socket:
    made = socket.create_connection((LOOPBACK, cable.port))
    made.settimeout(10)
    return made


def _registered(cluster: Cluster) -> dict[str, object]:
    registry = cluster.registry()
    assert registry
    with closing(registry):
        return {name: info.get("pid") for name, info in registry.members("live-agents").items()}
