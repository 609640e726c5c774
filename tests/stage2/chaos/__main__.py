"""Leaders and agents of a real system are killed, frozen and stopped under load; then every record is judged.

python -m tests.stage2.chaos --blows 100
python -m tests.stage2.chaos --stage 3 --blows 70
"""

import random
import secrets
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import click

from common.cli.console import table
from common.lab.cluster import Cluster
from common.lab.stages import Sizes, StageSpec, stage
from common.lab.until import NotYet
from common.transports.redis_client import connect
from tests.stage1.chaos.load import Load
from tests.stage1.chaos.verdict import Verdict, judge
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal
from tests.stage2.chaos.blows import AGENT_CUT_OFF, BEHIND_A_CABLE, BLOWS, ON_THE_BUS, Scene, Seen

MAX_LOST = 1000
AIMS = {
    "leader killed": 1.0,
    "leader frozen": 1.0,
    "agent killed": 3.0,
    "agent frozen": 3.0,
    AGENT_CUT_OFF: 3.0,
    "manager killed": 1.0,
}
"""Seconds beside T."""
WHOLE = {"leader stopped": 1.0, "broker killed": 10.0}
"""Seconds in all; from when the broker is back."""
ALL = {**BLOWS, **BEHIND_A_CABLE, **ON_THE_BUS}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--blows", type=click.IntRange(1), default=10, show_default=True, help="How many, each kind in turn.")
@click.option("--only", type=click.Choice(list(ALL)), multiple=True, help="Only this kind (repeatable).")
@click.option("--lease", type=click.FloatRange(1, 60), default=2, show_default=True, help="T, in seconds.")
@click.option("--rate", type=click.FloatRange(1), default=20, show_default=True, help="Short tasks a second beside.")
@click.option("--agents", type=click.IntRange(2), default=3, show_default=True)
@click.option("--profile", type=click.Choice(["embedded", "real"]), default="real", show_default=True)
@click.option("--stage", "number", type=click.Choice(["2", "3"]), default="2", show_default=True)
@click.option("--seed", type=int, help="Plays at the same moments.  [default: another each time]")
def chaos(
    *,
    blows: int,
    only: Sequence[str],
    lease: float,
    rate: float,
    agents: int,
    profile: str,
    number: str,
    seed: int | None,
) -> None:
    """Hurt a real system under load, again and again, and judge what became of every task.

    It fails if a task is lost or run twice at once, if a process of a task outlives the lease of its agent, or if
    hash, history and the tasks' own journal disagree. Times that are longer than they should be are told.

    \b
      python -m tests.stage2.chaos --blows 100
      python -m tests.stage2.chaos --blows 20 --only 'agent frozen' --profile embedded

    Exit codes: 0 all was kept · 1 something was broken; each is told.
    """
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    bus = list(ON_THE_BUS)[: 2 if profile == "real" else 1]
    beside = list(BEHIND_A_CABLE) if number == "2" else bus
    kinds = list(islice(cycle(only or [*BLOWS, *beside]), blows))
    place = stage(number), profile, Sizes(agents=agents)
    seen, verdict = _played(kinds, place, random.Random(seed), lease=lease, rate=rate)
    table(("blow", "times", "first after", "all after", "processes dead after", "aim"), _rows(seen, lease))
    click.echo(
        f"{verdict.tasks:,} tasks, {verdict.starts:,} starts: "
        f"{verdict.lost} lost, {verdict.overlaps} overlapping runs, {len(verdict.wrong)} violations"
    )
    for sentence in verdict.wrong:
        click.echo(f"  {sentence}")
    click.echo(f"Each: median, worst. T is {lease:g} s.")
    sys.exit(1 if verdict.wrong else 0)


def _played(
    kinds: Sequence[str], place: tuple[StageSpec, str, Sizes], rng: random.Random, *, lease: float, rate: float
) -> tuple[list[Seen], Verdict]:
    times = {"DTS_LEASE": str(lease), "DTS_SESSION": str(lease), "DTS_GRACE": "0.3"}
    settings = {**times, "DTS_SLOTS": "6", "DTS_MAX_LOST": str(MAX_LOST)}
    all_seen: list[Seen] = []
    ids: list[str] = []
    wrong: list[str] = []
    with ExitStack() as at_the_end:
        folder = Path(at_the_end.enter_context(tempfile.TemporaryDirectory(prefix="dts-chaos-")))
        spec, profile, sizes = place
        cluster = at_the_end.enter_context(Cluster.owned(folder / "home", spec, profile, sizes=sizes, env=settings))
        redis = at_the_end.enter_context(closing(connect(cluster.redis_url)))
        desk, journal = Desk(redis), Journal(folder)
        scene, load = Scene(cluster, desk, journal, rng), Load(desk, journal, rate, rng)
        load.start()
        try:
            for number, kind in enumerate(kinds, 1):
                click.echo(f"{number} of {len(kinds)}: {kind}; {len(wrong)} violations so far", err=True)
                seen = ALL[kind](scene, kind)
                all_seen.append(seen)
                ids += seen.task_ids
                wrong += seen.wrong
        except NotYet as error:
            wrong.append(f"{kind}: {error}\n{_last_words(cluster)}")
        finally:
            ids += load.stop()
        home, gate = folder / "home", spec.number != 3
        verdict = judge(desk, journal, ids, home=home, max_lost=MAX_LOST, consumer="leader", gate=gate)
    return all_seen, replace(verdict, wrong=[*wrong, *verdict.wrong])


def _last_words(cluster: Cluster) -> str:
    logs = [
        cluster.log(member.name) for member in cluster.members() if member.role in ("agent", "scheduler", "manager")
    ]
    return "\n".join(f"{log.stem}: {line}" for log in logs for line in log.read_text().splitlines()[-8:])


def _rows(seen: Sequence[Seen], lease: float) -> Iterator[tuple[str, ...]]:
    for kind in ALL:
        these = [one for one in seen if one.kind == kind]
        if these:
            dead = _figures([one.dead_after for one in these]) if kind.startswith("agent") else ""
            aim = lease + AIMS[kind] if kind in AIMS else WHOLE[kind]
            first, last = _figures([one.after for one in these]), _figures([one.all_after for one in these])
            yield kind, str(len(these)), first, last, dead, f"{aim:g} s"


def _figures(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f}, {max(values):.2f} s"


if __name__ == "__main__":
    chaos(prog_name="python -m tests.stage2.chaos")
