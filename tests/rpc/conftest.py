import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from common.clock import SystemClock
from common.rpc.server import RpcServer
from common.service import Host

SECRET = "between us"
SERVICE = "tests"
Serve = Callable[..., RpcServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a provider of `echo` and of whatever else it is given."""
    with ExitStack() as at_the_end:

        def started(**methods: Callable[[Mapping[str, Any]], Any]) -> RpcServer:
            clock = SystemClock()
            server = RpcServer("127.0.0.1:0", SECRET, SERVICE, {"echo": dict, **methods}, clock)
            host = Host([server], clock)
            host.start()
            at_the_end.callback(host.stop)
            server.stop = host.stop  # type: ignore[attr-defined]
            return server

        yield started


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Set at the end, so that nothing waits for ever."""
    event = threading.Event()
    yield event
    event.set()
