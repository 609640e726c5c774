"""What the API costs: requests a second of each kind, beside a bare Flask route on the same server in the same run.

Behind it stands a task-manager in a process of its own, which is called by RPC, and a Redis.

python -m tests.stage4.api.costs
"""

import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import click
import flask

from common.cli.console import table
from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.task import Submission
from common.lab.cluster import Cluster
from common.lab.stages import SERVERS_ONLY
from common.rpc.caller import Caller
from common.rpc.line import Line
from common.running import TURN
from common.service import Host
from common.settings import Settings
from common.store.tasks import TaskStore
from common.transports.redis_client import connect
from stage4_api.api.app import create_app
from stage4_api.api.server import ApiServer
from stage4_api.manager_service import RemoteService
from tests.rpc.costs import SECRET, SERVICE, process

CLIENTS = 8
BARE, POST, OWN = "bare Flask route", "POST a task", "the store's own bulk submit"
HALVED = (BARE, POST)
"""Asked at half of the rate that was just found, too."""
TOGETHER = 1000
"""Tasks in one batch."""
JSON = {"Content-Type": "application/json"}
Ask = Callable[[http.client.HTTPConnection], int]
"""Sends one request; returns how many tasks it was about."""


def serve(manager: str) -> None:
    """Be the server, until standard input ends; prints its port."""
    sys.setswitchinterval(TURN)
    clock = SystemClock()
    settings = Settings.load({}, api_listen="127.0.0.1:0", api="costs")
    caller = Caller(lambda: [manager], lambda address: Line(address, SECRET, SERVICE, 5), 5, clock)
    app = create_app(RemoteService(caller), settings, clock, Ids(clock), ready=str)
    bare, api = flask.Flask("bare"), app.wsgi_app
    bare.add_url_rule("/bare", "bare", lambda: {"status": "ok"})

    def either(environ: dict[str, Any], start_response: Any) -> Any:
        return (bare.wsgi_app if environ["PATH_INFO"] == "/bare" else api)(environ, start_response)

    app.wsgi_app = either  # type: ignore[method-assign]
    server = ApiServer(app, settings)
    host = Host([server], clock)
    host.start()
    click.echo(server.port)
    sys.stdin.read()
    host.stop()


@contextmanager
def served() -> Iterator[tuple[int, str]]:
    """The port of a server in a process of its own, with a manager and a Redis of its own, whose url comes second."""
    with Cluster.temporary(SERVERS_ONLY) as cluster, process("--manage", cluster.redis_url) as manager:
        command = [sys.executable, "-m", "tests.stage4.api.costs", "--serve", manager]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdin
            assert child.stdout
            yield int(child.stdout.readline()), cluster.redis_url
            child.stdin.close()


def requested(method: str, path: str, body: Any = None, tasks: int = 1) -> Ask:
    """The same request each time."""
    raw = json.dumps(body) if body is not None else None

    def ask(connection: http.client.HTTPConnection) -> int:
        connection.request(method, path, raw, JSON if raw else {})
        answer = connection.getresponse()
        answer.read()
        assert answer.status < 300, answer.status
        return tasks

    return ask


def rate(port: int, ask: Ask, seconds: float, pace: float = 0.0) -> tuple[float, float]:
    """Tasks a second, and the seconds of the slowest hundredth of requests; `pace`: no more requests a second.

    Where there is a pace, a request's time counts from when it was due: one that hangs makes the next ones late.
    """
    clock, never = SystemClock(), threading.Event()
    until, counts, times = time.perf_counter() + seconds, [0] * CLIENTS, [[0.0] for _ in range(CLIENTS)]

    def client(number: int) -> None:
        due = time.perf_counter() + (number / pace if pace else 0.0)
        with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
            while (now := time.perf_counter()) < until:
                if pace:
                    clock.wait(never, max(0.0, due - now))
                begun = due if pace else now
                counts[number] += ask(connection)
                times[number].append(time.perf_counter() - begun)
                due += CLIENTS / pace if pace else 0.0

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - begun
    return sum(counts) / spent, statistics.quantiles([one for own in times for one in own], n=100)[98]


def own_rate(redis_url: str, seconds: float) -> float:
    """Tasks a second that one client submits in bulk, straight at the store."""
    with connect(redis_url) as redis:
        store, ids = TaskStore(redis), Ids(SystemClock())
        wishes = [Submission.of(content="echo hello", name="hello")] * TOGETHER
        begun, count = time.perf_counter(), 0
        while time.perf_counter() < begun + seconds:
            count += len(store.submit(wishes, "costs", ids))
        return count / (time.perf_counter() - begun)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", type=click.FloatRange(min=0.5), default=4.0, show_default=True, help="For each measurement.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Each is measured so often.")
@click.option("--serve", "manager", hidden=True)
def costs(seconds: float, rounds: int, manager: str | None) -> None:
    """Measure how many requests a second one API process answers, from eight clients on this machine; medians.

    Exit codes: 0 measured.
    """
    if manager:
        serve(manager)
        return
    body = {"content": "echo hello", "name": "hello"}
    with served() as (port, redis_url):
        with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
            connection.request("POST", "/api/v1/tasks", json.dumps(body), JSON)
            task_id = json.loads(connection.getresponse().read())["taskId"]
        cases = {
            BARE: requested("GET", "/bare"),
            "GET a task": requested("GET", f"/api/v1/tasks/{task_id}"),
            POST: requested("POST", "/api/v1/tasks", body),
            f"POST {TOGETHER} tasks together": requested(
                "POST", "/api/v1/tasks:batch", {"tasks": [body] * TOGETHER}, TOGETHER
            ),
            "GET a page of 50": requested("GET", "/api/v1/tasks", tasks=1),
        }
        seen: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
        halves: dict[str, list[float]] = {name: [] for name in cases}
        for number in range(rounds):
            for name, ask in cases.items():
                click.echo(f"round {number + 1} of {rounds}: {name}", err=True)
                seen[name].append(rate(port, ask, seconds))
                if name in HALVED:
                    halves[name].append(rate(port, ask, seconds, seen[name][-1][0] / 2)[1])
            click.echo(f"round {number + 1} of {rounds}: the store's own", err=True)
            seen.setdefault(OWN, []).append((own_rate(redis_url, seconds), 0.0))
    medians = {name: statistics.median(one for one, _ in found) for name, found in seen.items()}
    slowest = {name: statistics.median(one for _, one in found) for name, found in seen.items()}
    calm = {name: f"{1000 * statistics.median(found):.1f}" for name, found in halves.items() if found}
    table(
        ("what", "a second", "of bare", "p99, ms", "at half that rate"),
        (
            (name, f"{value:.0f}", f"{value / medians[BARE]:.2f}", f"{1000 * slowest[name]:.1f}", calm.get(name, ""))
            for name, value in medians.items()
        ),
    )


if __name__ == "__main__":
    costs(prog_name="python -m tests.stage4.api.costs")
