"""A whole system is hurt in every way, again and again, while tasks flow in; then three records are held together.

python -m tests.chaos --stage 5 --minutes 10
"""

import json
import random
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import click

from common.cli.console import table
from common.lab.cluster import Cluster
from common.lab.errors import LabError
from common.lab.stages import Sizes, stage
from common.lab.until import NotYet
from common.transports.redis_client import connect
from tests.chaos.faults import Faults, Kind, Storm, kinds
from tests.chaos.load import Load, tasks_of
from tests.chaos.verdict import Verdict, judge, table_of
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal

MAX_LOST, GRACE = 1000, 0.3
UNGATED = "3"


class Span(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.4
    """5..10, or one number."""

    name = "SECONDS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        first, _, last = str(value).partition("..")
        try:
            return float(first), float(last or first)
        except ValueError:
            self.fail(f"{value!r} is no span of seconds like 5..10", param, ctx)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--stage", "number", type=click.Choice(["2", "3", "4", "5"]), default="5", show_default=True)
@click.option("--minutes", type=click.FloatRange(0.1), default=2.0, show_default=True, help="For how long faults come.")
@click.option("--faults", "most", type=click.IntRange(1), help="Stop after so many, if the time is not over before.")
@click.option("--every", type=Span(), default="5..10", show_default=True, help="How often a fault comes.")
@click.option("--profile", type=click.Choice(["embedded", "real"]), default="real", show_default=True)
@click.option("--agents", type=click.IntRange(2), default=3, show_default=True)
@click.option("--schedulers", type=click.IntRange(1), default=2, show_default=True)
@click.option("--managers", type=click.IntRange(1), default=2, show_default=True)
@click.option("--apis", type=click.IntRange(1), default=2, show_default=True)
@click.option("--rate", type=click.FloatRange(1), default=50, show_default=True, help="Tasks a second.")
@click.option("--lease", type=click.FloatRange(1, 60), default=2, show_default=True, help="T, in seconds.")
@click.option("--only", multiple=True, help="Only these faults, like 'redis frozen' or 'agent' (repeatable).")
@click.option("--seed", type=int, help="The same order, moments and tasks.  [default: another each time]")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the records and logs in this directory.")
def chaos(
    *,
    number: str,
    minutes: float,
    most: int | None,
    every: tuple[float, float],
    profile: str,
    agents: int,
    schedulers: int,
    managers: int,
    apis: int,
    rate: float,
    lease: float,
    only: tuple[str, ...],
    seed: int | None,
    keep: Path | None,
) -> None:
    """Break everything in turn under load, heal it, and judge what became of every task by I1 to I15.

    Tasks are submitted by the client library through the APIs, some fail, take long or are cancelled; each of them
    writes a journal. Faults: kill, freeze and stop of an agent, the leader, a manager, an API, Redis, ZooKeeper, Kafka.

    \b
      python -m tests.chaos --minutes 10
      python -m tests.chaos --stage 3 --profile embedded --only redis --seed 7

    Exit codes: 0 nothing was lost, and no invariant broken · 1 something was; each is told with its evidence.
    """
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    sizes = Sizes(
        agents=agents,
        schedulers=schedulers,
        managers=managers if number > "2" else None,
        apis=apis if number > "3" else None,
    )
    run = Run(number, profile, sizes, lease=lease, rate=rate, seed=seed)
    storm, verdict, wrong = run.play(Plan(minutes * 60, most or sys.maxsize, every, only), keep)
    wrong += verdict.violations
    table(("fault", "times"), [(kind, str(times)) for kind, times in sorted(storm.counts().items())])
    table(("", "violations", "what holds"), table_of(verdict))
    for sentence in wrong:
        click.echo(sentence)
    click.echo(
        f"{len(storm.blows)} faults, {verdict.tasks:,} tasks: {verdict.lost} lost, {len(wrong)} violations; back "
        f"{max(verdict.recoveries, default=0.0):.1f} s at most after a fault was healed; all final "
        f"{verdict.settled_after:.1f} s after the last one; slowest task {verdict.slowest:.1f} s (T is {lease:g} s)"
    )
    sys.exit(1 if verdict.lost or wrong else 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which faults come, how often, and until when."""

    seconds: float
    most: int
    every: tuple[float, float]
    only: tuple[str, ...]


class Run:
    """One system, one load, one storm."""

    def __init__(self, number: str, profile: str, sizes: Sizes, *, lease: float, rate: float, seed: int) -> None:
        self._number, self._profile, self._sizes = number, profile, sizes
        self._lease, self._rate, self._seed = lease, rate, seed

    def play(self, plan: Plan, keep: Path | None) -> tuple[Storm, Verdict, list[str]]:
        """What was done, what became of it, and what went wrong beside."""
        wrong: list[str] = []
        rng = random.Random(self._seed)
        with ExitStack() as at_the_end:
            folder = Path(at_the_end.enter_context(tempfile.TemporaryDirectory(prefix="dts-chaos-")))
            cluster = at_the_end.enter_context(self._cluster(folder / "home"))
            redis = at_the_end.enter_context(closing(connect(cluster.redis_url)))
            if keep:
                at_the_end.callback(_kept, folder, keep)
            desk, journal, faults = Desk(redis), Journal(folder), Faults(cluster, redis, rng, self._lease)
            storm, over = Storm(faults, rng, plan.every), time.monotonic() + plan.seconds
            wanted = _meant(cluster, plan.only)
            load = Load(tasks_of(cluster, desk.store), journal, folder / "calls.jsonl", self._rate, self._seed)
            load.start()
            try:
                storm.rage(
                    wanted,
                    lambda: time.monotonic() >= over or len(storm.blows) >= plan.most,
                    lambda text: click.echo(text, err=True),
                )
            except (NotYet, LabError) as error:
                wrong.append(f"a fault could not be done or healed: {error}")
            finally:
                _noted(storm, folder / "faults.jsonl")
                faults.heal_all()
                log = load.stop()
            ended = GRACE + 4.0 + 2 * self._lease + 5.0
            verdict = judge(
                cluster, folder / "home", desk, journal, log, storm.blows,
                gate=self._number != UNGATED, cancel_within=ended, max_lost=MAX_LOST,
            )  # fmt: skip
        return storm, verdict, wrong

    def _cluster(self, home: Path) -> AbstractContextManager[Cluster]:
        times = {"DTS_LEASE": self._lease, "DTS_SESSION": self._lease, "DTS_GRACE": GRACE, "DTS_HEARTBEAT": 0.5}
        settings = {**times, "DTS_SLOTS": 16, "DTS_MAX_LOST": MAX_LOST, "DTS_RPC_TIMEOUT": 2}
        env = {name: str(value) for name, value in settings.items()}
        return Cluster.owned(home, stage(self._number), self._profile, sizes=self._sizes, env=env)


def _meant(cluster: Cluster, only: tuple[str, ...]) -> list[Kind]:
    found = [kind for kind in kinds(cluster) if not only or any(words in str(kind) for words in only)]
    if not found:
        known = ", ".join(map(str, kinds(cluster)))
        raise click.UsageError(f"--only names none of: {known}")
    return found


def _noted(storm: Storm, path: Path) -> None:
    blows = [
        {"fault": str(one.kind), "member": one.member, "at": one.begun, "healed": one.healed} for one in storm.blows
    ]
    path.write_text("".join(f"{json.dumps(blow)}\n" for blow in blows))


def _kept(folder: Path, keep: Path) -> None:
    """The records, and what every process has said."""
    keep.mkdir(parents=True, exist_ok=True)
    for path in (
        *(folder / name for name in ("journal", "calls.jsonl", "faults.jsonl")),
        *(folder / "home" / "cluster.run").glob("*.log"),
    ):
        if path.exists():
            shutil.copy(path, keep / path.name)


if __name__ == "__main__":
    chaos(prog_name="python -m tests.chaos")
