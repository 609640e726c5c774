"""An agent of a real stage 1 is killed and frozen again and again under load; then every record is judged.

python -m tests.stage1.chaos --kills 100 --freezes 100
"""

import random
import secrets
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import click

from common.cli.console import table
from common.lab.cluster import Cluster
from common.lab.stages import stage
from common.lab.until import NotYet
from common.transports.redis_client import connect
from tests.stage1.chaos.blows import AGENT, BLOWS, Scene, Seen, strike
from tests.stage1.chaos.load import Load
from tests.stage1.chaos.verdict import Verdict, judge, late
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal

MAX_LOST = 1000
SLOTS = 6


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--kills", type=click.IntRange(0), default=10, show_default=True, help="How often it is killed.")
@click.option("--freezes", type=click.IntRange(0), default=10, show_default=True, help="How often it is frozen.")
@click.option("--lease", type=click.FloatRange(0.5, 60), default=1.5, show_default=True, help="T, in seconds.")
@click.option("--slack", type=click.FloatRange(0), default=1, show_default=True, help="Beside T, to run again.")
@click.option("--rate", type=click.FloatRange(1), default=20, show_default=True, help="Short tasks a second beside.")
@click.option("--profile", type=click.Choice(["embedded", "real"]), default="real", show_default=True)
@click.option("--seed", type=int, help="Plays the same blows in the same order.  [default: another each time]")
def chaos(*, kills: int, freezes: int, lease: float, slack: float, rate: float, profile: str, seed: int | None) -> None:
    """Kill and freeze the agent of a real stage 1 under load, and judge what became of every task.

    A kill is a SIGKILL to the agent, whose fence starts it again, or to its fence, whereupon both are started again.
    A freeze is a SIGSTOP to the agent that lasts past its lease. Each blow meets some tasks that leave daemons without
    session or environment behind, and whatever runs of the load.

    It fails if a task is lost or run twice at once; if a process of a task outlives the lease of its agent; if what
    ran does not run again T + 1 s after the agent's process is back; if hash, history and the tasks' own journal
    disagree; if a process is left in the end. A blow takes about 3 s with the usual lease.

    \b
      python -m tests.stage1.chaos --kills 100 --freezes 100
      python -m tests.stage1.chaos --kills 5 --freezes 0 --seed 7

    Exit codes: 0 all was kept · 1 something was broken; each is told.
    """
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    rng = random.Random(seed)
    kinds = [rng.choice(["agent killed", "fence killed"]) for _ in range(kills)] + ["agent frozen"] * freezes
    rng.shuffle(kinds)
    limit = lease + slack
    seen, verdict = _played(kinds, profile, rng, lease=lease, rate=rate, limit=limit)
    _show(seen, verdict)
    click.echo(f"Each: median, worst. T is {lease:g} s; what ran must run again within {limit:g} s.")
    sys.exit(1 if verdict.wrong else 0)


def _played(
    kinds: Sequence[str], profile: str, rng: random.Random, *, lease: float, rate: float, limit: float
) -> tuple[list[Seen], Verdict]:
    settings = {"DTS_LEASE": str(lease), "DTS_SLOTS": str(SLOTS), "DTS_MAX_LOST": str(MAX_LOST), "DTS_GRACE": "0.3"}
    all_seen: list[Seen] = []
    ids: list[str] = []
    wrong: list[str] = []
    with ExitStack() as at_the_end:
        folder = Path(at_the_end.enter_context(tempfile.TemporaryDirectory(prefix="dts-chaos-")))
        cluster = at_the_end.enter_context(Cluster.owned(folder / "home", stage("1"), profile, env=settings))
        redis = at_the_end.enter_context(closing(connect(cluster.redis_url)))
        desk, journal = Desk(redis), Journal(folder)
        scene, load = Scene(cluster, desk, journal, rng), Load(desk, journal, rate, rng)
        load.start()
        try:
            for number, kind in enumerate(kinds, 1):
                _tell(number, len(kinds), kind, wrong)
                seen, held, broken = strike(scene, kind)
                all_seen.append(seen)
                ids += held
                wrong += [*broken, *late(seen, limit)]
        except NotYet as error:
            wrong.append(f"{kind}: {error}; the agent said last:\n{_last_words(cluster)}")
        finally:
            ids += load.stop()
        verdict = judge(desk, journal, ids, home=folder / "home", max_lost=MAX_LOST)
    return all_seen, replace(verdict, wrong=[*wrong, *verdict.wrong])


def _tell(number: int, of: int, kind: str, wrong: Sequence[str]) -> None:
    """On a terminal one line that changes, in a pipe one line for each tenth."""
    line = f"{number} of {of}: {kind}; {len(wrong)} violations so far"
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{line}", nl=number == of, err=True)
    elif number % max(1, of // 10) == 0:
        click.echo(line, err=True)


def _last_words(cluster: Cluster) -> str:
    return "\n".join(cluster.log(AGENT).read_text(errors="replace").splitlines()[-20:])


def _show(seen: Sequence[Seen], verdict: Verdict) -> None:
    columns = ("blow", "times", "processes dead after", "lease left then", "back after", "ran again after that")
    table(columns, _rows(seen))
    click.echo(
        f"{verdict.tasks:,} tasks, {verdict.starts:,} starts: "
        f"{verdict.lost} lost, {verdict.overlaps} overlapping runs, {len(verdict.wrong)} violations"
    )
    for sentence in verdict.wrong:
        click.echo(f"  {sentence}")


def _rows(seen: Sequence[Seen]) -> Iterator[tuple[str, ...]]:
    for kind in BLOWS:
        these = [one for one in seen if one.kind == kind]
        if these:
            yield (
                kind,
                str(len(these)),
                _figures([one.dead_after for one in these], max),
                _figures([one.lease_left for one in these], min),
                _figures([one.back_after for one in these], max),
                _figures([one.again_after for one in these], max),
            )


def _figures(values: Sequence[float], worst: Callable[[Sequence[float]], float]) -> str:
    return f"{statistics.median(values):.3f}, {worst(values):.3f} s"


if __name__ == "__main__":
    chaos(prog_name="python -m tests.stage1.chaos")
