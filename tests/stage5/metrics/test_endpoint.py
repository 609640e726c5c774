"""A process tells its figures by HTTP, whoever asks and however often, and is found by who wants them."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from common.clock import SystemClock
from common.domain.errors import BadSetting
from common.lab.until import until
from common.registries.memory import MemoryBroker, MemoryRegistry
from common.rpc.providers import addresses_in, group_of
from common.service import Host
from common.settings import Settings
from stage5_ops.metrics.endpoint import MOST, SERVICE, Endpoint

Serve = Callable[..., Endpoint]


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def serve(broker: MemoryBroker) -> Iterator[Serve]:
    """Starts an endpoint of figures that are given, or of none; its host is stopped in the end."""
    with ExitStack() as at_the_end:

        def served(own: CollectorRegistry | None = None, **settings: object) -> Endpoint:
            clock, registry = SystemClock(), MemoryRegistry(broker)
            at_the_end.callback(registry.close)
            known = Settings.load({}, **settings)
            endpoint = Endpoint(own or CollectorRegistry(), known, registry, clock, ("agent", "agent-1", "b"))
            host = Host([endpoint], clock)
            host.start()
            at_the_end.callback(host.stop)
            endpoint.stop = host.stop  # type: ignore[attr-defined]
            return endpoint

        yield served


def ask(address: str, path: str = "/metrics", timeout: float = 30.0) -> tuple[int, str, str]:
    host, _, port = address.rpartition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=timeout)) as there:
        there.request("GET", path)
        answer = there.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def test_the_figures_are_told_as_prometheus_reads_them(serve: Serve) -> None:
    own = CollectorRegistry()
    Counter("dts_things", "Some.", ["kind"], registry=own).labels('of "all" kinds\n').inc(3)
    status, content_type, text = ask(serve(own).address)
    assert (status, content_type.partition(";")[0]) == (200, "text/plain")
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert [(sample.labels, sample.value) for sample in samples if sample.name == "dts_things_total"] == [
        ({"kind": 'of "all" kinds\n'}, 3)
    ]


def test_it_is_found_in_the_registry_until_it_ends(serve: Serve, broker: MemoryBroker) -> None:
    endpoint = serve()
    looking = MemoryRegistry(broker)
    until(lambda: addresses_in(looking.members(group_of(SERVICE))) == [endpoint.address], 30)
    (info,) = looking.members(group_of(SERVICE)).values()
    assert (info["role"], info["member"]) == ("agent", "agent-1")
    endpoint.stop()  # type: ignore[attr-defined]
    until(lambda: not looking.members(group_of(SERVICE)), 30)
    looking.close()


def test_it_may_be_told_how_others_reach_it(serve: Serve, broker: MemoryBroker) -> None:
    serve(metrics_advertise="agent-1.internal:9464")
    looking = MemoryRegistry(broker)
    until(lambda: addresses_in(looking.members(group_of(SERVICE))) == ["agent-1.internal:9464"], 30)
    looking.close()


def test_whoever_asks_for_something_else_is_told_what_there_is(serve: Serve) -> None:
    address = serve().address
    assert ask(address, "/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    status, _, text = ask(address, "/../../etc/passwd")
    assert status == 404
    assert "/metrics" in text


def test_it_listens_on_this_machine_alone_unless_it_is_told_otherwise(serve: Serve) -> None:
    assert serve().address.startswith("127.0.0.1:")


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1:99999", "127.0.0.1:", ":x", "203.0.113.1:0"])
def test_an_address_that_can_not_be_had_is_told_by_the_setting_s_name(serve: Serve, listen: str) -> None:
    with pytest.raises(BadSetting, match=r"^DTS_METRICS_LISTEN: can't listen at"):
        serve(metrics_listen=listen)


def test_a_port_that_is_taken_is_told(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadSetting, match="in use"):
        serve(metrics_listen=f"127.0.0.1:{taken.getsockname()[1]}")


def test_a_storm_of_questions_costs_no_more_than_a_few_answers(serve: Serve) -> None:
    own = CollectorRegistry()
    looks = []

    class Slow:
        def collect(self) -> list[object]:
            looks.append(1)
            return []

    own.register(Slow())  # type: ignore[arg-type]
    looks.clear()
    address = serve(own).address

    def asked(_: int) -> int:
        try:
            return ask(address)[0]
        except (OSError, http.client.HTTPException):
            return 0

    with ThreadPoolExecutor(32) as many:
        answers = list(many.map(asked, range(300)))
    assert answers.count(200) >= 100
    assert len(looks) < answers.count(200) / 2


def test_who_says_nothing_holds_up_nobody_else(serve: Serve) -> None:
    address = serve().address
    host, _, port = address.rpartition(":")
    with ExitStack() as silent:
        for _ in range(MOST // 2):
            silent.enter_context(socket.create_connection((host, int(port))))
        assert ask(address)[0] == 200


def test_what_is_no_http_ends_the_connection_and_nothing_else(serve: Serve) -> None:
    address = serve().address
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as there:
        there.sendall(b"\x00\xffrubbish\r\n\r\n")
        while there.recv(4096):
            pass
    assert ask(address)[0] == 200


def test_it_ends_with_questions_still_open(serve: Serve) -> None:
    endpoint = serve()
    host, _, port = endpoint.address.rpartition(":")
    with socket.create_connection((host, int(port))):
        ending = threading.Thread(target=endpoint.stop)  # type: ignore[attr-defined]
        ending.start()
        ending.join(30)
        assert not ending.is_alive()
