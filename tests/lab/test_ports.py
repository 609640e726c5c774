"""Ports that are offered were free, and the kernel does not give them away by itself."""

import socket
from itertools import islice
from pathlib import Path

import pytest

from common.lab import ports
from common.lab.errors import NoFreePort


def test_a_free_port_is_free_until_somebody_listens_there() -> None:
    port = next(ports.free_ports())
    assert ports.is_free(port)
    with socket.create_server((ports.LOOPBACK, port)):
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_ports_that_outgoing_connections_get_are_left_alone() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(port < first for port in islice(ports.free_ports(), 20))


def test_no_port_is_offered_twice() -> None:
    offered = list(islice(ports.free_ports(), 20))
    assert len(set(offered)) == len(offered)


def test_ports_that_are_taken_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port % 2 == 0)
    assert all(port % 2 == 0 for port in islice(ports.free_ports(), 10))


def test_where_all_ports_are_taken_one_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(NoFreePort, match=r"no free port on 127\.0\.0\.1 between 15000 and \d+: 50 were tried"):
        next(ports.free_ports())
