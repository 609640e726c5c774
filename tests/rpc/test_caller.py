"""Calls of a service that several providers answer."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from common.clock import SystemClock
from common.domain.errors import Unanswered, Unavailable
from common.domain.ids import Ids
from common.lab.until import until
from common.registries.memory import MemoryBroker, MemoryRegistry
from common.rpc.caller import Caller
from common.rpc.line import Line
from common.rpc.providers import Providers, addresses_in, group_of, offer
from common.rpc.server import RpcServer
from tests.rpc.conftest import SECRET, SERVICE, Serve

GONE = "127.0.0.1:9"
"""Where nobody listens."""


class Many:
    """A caller, and the lines that it opened."""

    def __init__(self, *addresses: str, within: float = 5.0) -> None:
        self.addresses: Sequence[str] = addresses
        self.dialled: list[str] = []
        self.caller = Caller(lambda: self.addresses, self._dial, within, SystemClock())

    def _dial(self, address: str) -> Line:
        self.dialled.append(address)
        return Line(address, SECRET, SERVICE, 5)

    def ask(self, method: str = "who", *, again: bool = True, **arguments: Any) -> Any:
        return self.caller.call(method, arguments, again=again)

    def close(self) -> None:
        self.caller.close()


def named(serve: Serve, *names: str, **methods: Any) -> list[RpcServer]:
    return [serve(who=lambda _, name=name: name, **methods) for name in names]


@pytest.fixture
def two(serve: Serve) -> Iterator[tuple[Many, list[RpcServer]]]:
    servers = named(serve, "a", "b")
    many = Many(*(server.address for server in servers))
    with closing(many):
        yield many, servers


def test_calls_go_to_all_in_turn_over_connections_that_are_kept(two: tuple[Many, list[RpcServer]]) -> None:
    many, servers = two
    assert sorted(many.ask() for _ in range(10)) == ["a"] * 5 + ["b"] * 5
    assert sorted(many.dialled) == sorted(server.address for server in servers)


def test_who_is_busy_is_spared(serve: Serve, released: threading.Event) -> None:
    begun = threading.Event()

    def hang(_: Any) -> None:
        begun.set()
        released.wait(20)

    slow, quick = serve(who=lambda _: "slow", hang=hang), serve(who=lambda _: "quick", hang=hang)
    many = Many(slow.address)
    with closing(many):
        busy = threading.Thread(target=lambda: many.ask("hang"), daemon=True)
        busy.start()
        assert begun.wait(5)
        many.addresses = [slow.address, quick.address]
        assert {many.ask() for _ in range(6)} == {"quick"}
        released.set()
        busy.join(5)


def test_one_that_is_gone_costs_nobody_a_call(serve: Serve) -> None:
    (server,) = named(serve, "a")
    many = Many(GONE, server.address)
    with closing(many):
        assert [many.ask(again=False) for _ in range(10)] == ["a"] * 10
        assert many.dialled.count(GONE) == 1


def test_where_all_are_gone_nothing_happened() -> None:
    with closing(Many(GONE)) as many, pytest.raises(Unavailable, match="can't reach") as told:
        many.ask()
    assert not told.value.may_have_happened


def test_where_nobody_is_registered_it_says_what_to_do() -> None:
    with closing(Many()) as many, pytest.raises(Unavailable, match="start one: python -m stage4_api manager"):
        many.ask()


def test_a_lost_answer_is_asked_for_elsewhere_where_that_is_harmless(serve: Serve, released: threading.Event) -> None:
    hung = serve(who=lambda _: released.wait(20))
    (well,) = named(serve, "b")
    many = Many(hung.address, well.address, within=0.3)
    with closing(many):
        assert [many.ask() for _ in range(4)] == ["b"] * 4


def test_a_lost_answer_is_told_where_asking_again_might_do_it_twice(serve: Serve, released: threading.Event) -> None:
    asked = []

    def hang(_: Any) -> None:
        asked.append(1)
        released.wait(20)

    first, second = serve(do=hang), serve(do=hang)
    with closing(Many(first.address, second.address, within=0.3)) as many, pytest.raises(Unanswered):
        many.ask("do", again=False)
    assert len(asked) == 1


def test_what_may_have_happened_is_not_unsaid_by_the_next_one_being_away(
    serve: Serve, released: threading.Event
) -> None:
    hung = serve(who=lambda _: released.wait(20))
    many = Many(hung.address, within=0.3)
    with closing(many):
        many.caller._doubt(GONE, Unavailable("it was away before"))  # so that it is asked last
        many.addresses = [hung.address, GONE]
        with pytest.raises(Unanswered):
            many.ask()


def test_a_provider_that_stops_is_left_without_a_lost_call(two: tuple[Many, list[RpcServer]]) -> None:
    many, (first, _) = two
    stop, answers = threading.Event(), []

    def keep_asking() -> None:
        while not stop.is_set():
            answers.append(many.ask(again=False))

    threads = [threading.Thread(target=keep_asking, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: answers.count("a") > 20, within=10)
    first.stop()  # type: ignore[attr-defined]
    seen = len(answers)
    until(lambda: len(answers) > seen + 50, within=10)
    stop.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert set(answers[-20:]) == {"b"}


def test_connections_of_a_provider_that_started_anew_are_not_used_again(serve: Serve) -> None:
    (first,) = named(serve, "a")
    many = Many(first.address)
    with closing(many):
        assert many.ask() == "a"
        first.stop()  # type: ignore[attr-defined]
        with pytest.raises(Unavailable) as told:
            many.ask(again=False)
        assert not told.value.may_have_happened


def test_fifty_threads_share_the_connections(two: tuple[Many, list[RpcServer]]) -> None:
    many, _ = two
    answers: list[Any] = []

    def ask() -> None:
        answers.extend(many.ask("echo", number=number) for number in range(20))

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(one["number"] for one in answers) == sorted(list(range(20)) * 50)
    assert len(many.dialled) <= 100


def test_providers_are_found_through_the_registry_and_kept_when_it_tells_of_nobody(serve: Serve) -> None:
    registry, (server,) = MemoryRegistry(MemoryBroker()), named(serve, "a")
    providers = Providers(registry, SERVICE)
    assert list(providers()) == []
    here = offer(registry, SERVICE, server.address, {"boot": Ids(SystemClock()).new()})
    until(lambda: list(providers()) == [server.address], within=5)
    assert list(registry.members(f"dts/{SERVICE}/providers")) == [f"rpc%3A%2F%2F127.0.0.1%3A{server.address[10:]}"]
    here.close()
    until(lambda: not registry.members(group_of(SERVICE)), within=5)
    assert list(providers()) == [server.address]
    providers.close()
    registry.close()


def test_what_somebody_else_registered_there_is_no_address() -> None:
    assert addresses_in({"rubbish": {}, "rpc%3A%2F%2Fhost%3A1": {}, "http%3A%2F%2Fhost": {}}) == ["host:1"]
