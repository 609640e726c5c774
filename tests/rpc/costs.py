"""What an RPC call costs, and the gate by it: beside a bare JSON echo between two processes, and the script itself.

python -m tests.rpc.costs
"""

import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import click

from common.cli.console import table
from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.task import Submission
from common.lab.cluster import Cluster
from common.lab.stages import SERVERS_ONLY
from common.rpc.caller import Caller
from common.rpc.line import Line
from common.rpc.server import RpcServer
from common.service import Host
from common.store.granting import Attempt
from common.store.keys import Keys
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.transports.redis_client import connect
from stage4_api.manager_service import RemoteGate, methods
from stage4_api.store_service import StoreService

SECRET, SERVICE = "costs", "costs"
SAID = {"tasks": ["01JC5W3N8Q0000000000000000"], "by": "costs"}
GATE = 20
"""Attempts in one call, as an agent with so many free slots asks."""


def manage(redis_url: str) -> None:
    """Be a manager with an echo beside its methods, until standard input ends; prints its address."""
    clock = SystemClock()
    store = TaskStore(connect(redis_url))
    answers = {**methods(StoreService(store, Ids(clock)), store), "echo": dict}
    server = RpcServer("127.0.0.1:0", SECRET, SERVICE, answers, clock)
    host = Host([server], clock)
    host.start()
    click.echo(server.address)
    sys.stdin.read()
    host.stop()


def echo() -> None:
    """Be a bare echo of JSON lines, for one connection; prints its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        click.echo(listener.getsockname()[1])
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock, sock.makefile("rb") as lines:
            for line in lines:
                sock.sendall(json.dumps(json.loads(line)).encode() + b"\n")


@contextmanager
def process(*args: str) -> Iterator[str]:
    """One of these in a process of its own; gives what it prints first."""
    command = [sys.executable, "-m", "tests.rpc.costs", *args]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        try:
            yield child.stdout.readline().strip()
        finally:
            child.stdin.close()


def median_of(act: Callable[[], Any], count: int) -> float:
    """Microseconds."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        act()
        times.append(time.perf_counter() - begun)
    return 1e6 * statistics.median(times)


class Given:
    """Tasks that wait at the gate for agent-1."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url)
        self.store = TaskStore(self._redis, Keys())
        self._ids = Ids(SystemClock())
        Leases(self._redis, self.store.keys).take("agent-1", "b", 3600, {"slots": 1})

    def attempts(self, count: int) -> list[Attempt]:
        made = self.store.submit([Submission.of(content="true") for _ in range(count)], "costs", self._ids)
        given = self.store.assign([Assignment(one.task_id, "agent-1", "b") for one in made], "leader", 1)
        return [Attempt(one.task_id, attempt) for one, (_, attempt) in zip(made, given, strict=True)]


def rate_of(start: Callable[..., Any], attempts: list[Attempt]) -> float:
    """Attempts a second, some at a time."""
    begun = time.perf_counter()
    for first in range(0, len(attempts), GATE):
        start(attempts[first : first + GATE], "agent-1", "b")
    return len(attempts) / (time.perf_counter() - begun)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--calls", type=click.IntRange(100), default=3000, show_default=True, help="In each round.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Each is measured so often.")
@click.option("--manage", "redis_url", hidden=True)
@click.option("--echo", "bare", is_flag=True, hidden=True)
def costs(calls: int, rounds: int, redis_url: str | None, bare: bool) -> None:
    """Measure one call after the other on this machine; medians of rounds.

    Exit codes: 0 measured.
    """
    if redis_url:
        manage(redis_url)
        return
    if bare:
        echo()
        return
    rpc, tcp, gate, script = [], [], [], []
    with ExitStack() as at_the_end:
        cluster = at_the_end.enter_context(Cluster.temporary(SERVERS_ONLY))
        address = at_the_end.enter_context(process("--manage", cluster.redis_url))
        port = int(at_the_end.enter_context(process("--echo")))
        sock = at_the_end.enter_context(socket.create_connection(("127.0.0.1", port)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = at_the_end.enter_context(sock.makefile("rb"))
        caller = at_the_end.enter_context(
            closing(Caller(lambda: [address], lambda one: Line(one, SECRET, SERVICE, 5), 5, SystemClock()))
        )
        given = Given(cluster.redis_url)

        def by_tcp() -> None:
            sock.sendall(json.dumps(SAID).encode() + b"\n")
            json.loads(lines.readline())

        for number in range(rounds):
            click.echo(f"round {number + 1} of {rounds}", err=True)
            tcp.append(median_of(by_tcp, calls))
            rpc.append(median_of(lambda: caller.call("echo", SAID, again=True), calls))
            script.append(rate_of(given.store.grants, given.attempts(calls)))
            gate.append(rate_of(RemoteGate(caller).start, given.attempts(calls)))
    of_tcp = statistics.median(one / bare_one for one, bare_one in zip(rpc, tcp, strict=True))
    of_script = statistics.median(one / direct for one, direct in zip(gate, script, strict=True))
    table(
        ("what", "value", "beside its floor"),
        (
            ("a bare JSON echo over TCP, p50", f"{statistics.median(tcp):.0f} µs", ""),
            ("an RPC call, p50", f"{statistics.median(rpc):.0f} µs", f"{of_tcp:.2f} × the echo"),
            (f"the gate's script, {GATE} at a time", f"{statistics.median(script):.0f} a second", ""),
            (f"the gate by RPC, {GATE} at a time", f"{statistics.median(gate):.0f} a second", f"{of_script:.0%}"),
        ),
    )


if __name__ == "__main__":
    costs(prog_name="python -m tests.rpc.costs")
