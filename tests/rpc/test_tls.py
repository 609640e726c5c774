"""RPC by TLS: nobody reads along, and who answers is who the caller meant."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from common.clock import SystemClock
from common.domain.errors import BadSetting, Unavailable
from common.lab.cable import Cable
from common.rpc.line import Line
from common.rpc.server import RpcServer
from common.service import Host
from common.transports.tls import Tls
from tests.certificates import Certified, certified
from tests.rpc.conftest import SECRET, SERVICE

Start = Callable[[Tls], RpcServer]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as at_the_end:

        def started(tls: Tls) -> RpcServer:
            clock = SystemClock()
            methods: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {"echo": dict}
            server = RpcServer("127.0.0.1:0", SECRET, SERVICE, methods, clock, tls=tls.server())
            host = Host([server], clock)
            host.start()
            at_the_end.callback(host.stop)
            return server

        yield started


def serving(ours: Certified) -> Tls:
    return Tls("rpc", certificate=ours.certificate, key=ours.key)


def line(address: str, tls: ssl.SSLContext | None) -> Line:
    return Line(address, SECRET, SERVICE, 5.0, tls)


def test_values_cross_it_large_ones_too_and_none_of_them_can_be_read_on_the_way(start: Start, ours: Certified) -> None:
    server = start(serving(ours))
    with closing(Cable(int(server.address.rpartition(":")[2]))) as way:
        seen = way.recorded()
        with closing(line(f"localhost:{way.port}", Tls("rpc", ca=ours.ca).client())) as opened:
            for size in (1, 20_000, 300_000):
                value = {"word": "plainly legible " * size}
                assert opened.call("echo", value, 20) == value
                assert opened.usable
    assert seen
    assert b"legible" not in bytes(seen)


def test_a_provider_that_is_somebody_else_is_not_asked(start: Start, ours: Certified, tmp_path: Path) -> None:
    server = start(serving(ours))
    port = server.address.rpartition(":")[2]
    strangers = certified(tmp_path)
    with pytest.raises(Unavailable, match=r"can't be trusted: .*certificate verify failed"):
        line(f"localhost:{port}", Tls("rpc", ca=strangers.ca).client())
    elsewhere = certified(ours.ca.parent, "elsewhere", "subjectAltName=DNS:elsewhere.internal")
    other = start(serving(elsewhere))
    with pytest.raises(Unavailable, match=r"can't be trusted: .*ostname"):
        line(f"localhost:{other.address.rpartition(':')[2]}", Tls("rpc", ca=ours.ca).client())


def test_who_does_not_speak_tls_is_not_heard(start: Start, ours: Certified) -> None:
    server = start(serving(ours))
    with pytest.raises(Unavailable, match="can't be trusted"):
        line(server.address, None)
    with closing(line(server.address, Tls("rpc", ca=ours.ca).client())) as opened:
        assert opened.call("echo", {"after": "it"}, 5) == {"after": "it"}


def test_with_a_ca_a_manager_hears_only_who_has_a_certificate_by_it(start: Start, ours: Certified) -> None:
    both = Tls("rpc", ours.ca, ours.certificate, ours.key)
    server = start(both)
    with closing(line(server.address, both.client())) as opened:
        assert opened.call("echo", {}, 5) == {}
    with pytest.raises(Unavailable):
        line(server.address, Tls("rpc", ca=ours.ca).client())


def test_a_manager_without_a_certificate_does_not_start(ours: Certified) -> None:
    with pytest.raises(BadSetting, match="DTS_RPC_CA: to answer by TLS takes DTS_RPC_CERTIFICATE and DTS_RPC_KEY"):
        Tls("rpc", ca=ours.ca).server()


def test_a_server_that_stops_lets_go_of_its_connections(start: Start, ours: Certified) -> None:
    server = start(serving(ours))
    with closing(line(server.address, Tls("rpc", ca=ours.ca).client())) as opened:
        assert opened.usable
        server.close()
        with pytest.raises(Unavailable):
            opened.call("echo", {}, 5)
    with pytest.raises(OSError, match="refused"), closing(socket.create_connection(("127.0.0.1", _port(server)))):
        pass


def _port(server: RpcServer) -> int:
    return int(server.address.rpartition(":")[2])
