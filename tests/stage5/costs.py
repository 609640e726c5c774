"""What figures cost: drain on stage 4 and on stage 5, in turn in one run; and what a scrape of each process costs.

python -m tests.stage5.costs
"""

import http.client
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from common.bench.machine import watched
from common.bench.rig import Place
from common.bench.throughput import drain
from common.cli.console import table
from common.lab.cluster import Cluster
from common.lab.figures import METRICS
from common.lab.stages import stage
from common.rpc.providers import addresses_in
from stage5_ops.metrics.endpoint import FRESH

SCRAPES = 50
AGAIN = 1.25 * FRESH
"""Seconds after which an answer is worked out anew."""


def rate(number: str, profile: str, tasks: int) -> float:
    """Tasks a second that a new system of this stage works off."""
    (reading,) = drain(Place(stage(number), profile), tasks, lambda *_: None)
    return reading.value


def scrape(address: str) -> tuple[float, float, int]:
    """Milliseconds of an answer, half of them and the slowest, and its bytes; each is worked out anew."""
    times, size, rest = [], 0, threading.Event()
    for _ in range(SCRAPES):
        rest.wait(AGAIN)
        with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
            begun = time.perf_counter()
            connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
            size = len(connection.getresponse().read())
            times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times), max(times), size


@contextmanager
def processes() -> Iterator[dict[str, str]]:
    """Those of a stage 5: where each tells its figures."""
    with Cluster.temporary(stage("5"), agents=1, schedulers=1, managers=1, apis=1) as cluster:
        registry = cluster.registry()
        assert registry
        with closing(registry):
            found = registry.members(METRICS)
            yield {str(info["member"]): addresses_in({name: info})[0] for name, info in found.items()}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Each stage drains so often.")
@click.option("--tasks", type=click.IntRange(100), default=5000, show_default=True, help="So many each time.")
@click.option("--profile", type=click.Choice(["embedded", "real"]), default="embedded", show_default=True)
def costs(rounds: int, tasks: int, profile: str) -> None:
    """Measure drain on stage 4, which tells no figures, and on stage 5, which does, in turn; then scrapes of stage 5.

    Exit codes: 0 measured.
    """
    rates: dict[str, list[float]] = {"4": [], "5": []}
    with watched() as meanwhile:
        for turn in range(rounds):
            # Whoever is first in a round is second in the next.
            for number in ("4", "5") if turn % 2 == 0 else ("5", "4"):
                rates[number].append(rate(number, profile, tasks))
                click.echo(f"round {turn + 1} of {rounds}: stage {number}: {rates[number][-1]:.0f} tasks/s", err=True)
    pairs = [five / four for four, five in zip(rates["4"], rates["5"], strict=True)]
    table(
        ("what", "median", "low", "high"),
        [
            *(
                (f"stage {number}, tasks/s", *(f"{pick(seen):.0f}" for pick in (statistics.median, min, max)))
                for number, seen in rates.items()
            ),
            ("stage 5 of stage 4, by round", *(f"{pick(pairs):.3f}" for pick in (statistics.median, min, max))),
        ],
    )
    click.echo(f"Others kept {meanwhile.cores:.1f} cores busy meanwhile.", err=True)
    with processes() as found:
        rows = [(member, *scrape(address)) for member, address in sorted(found.items())]
    table(
        ("a scrape of", "ms, median", "ms, slowest", "bytes"),
        [(name, f"{half:.1f}", f"{slowest:.1f}", str(size)) for name, half, slowest, size in rows],
    )


if __name__ == "__main__":
    costs(prog_name="python -m tests.stage5.costs")
