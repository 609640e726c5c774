"""`dts bench`: how fast dts is on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.cli.options import json_option

if TYPE_CHECKING:
    from common.bench.figures import Figure, Sheet
    from common.bench.plan import Plan

SECTIONS = ("drain", "stream", "bulk", "latency", "spawn", "kill")


@click.command(short_help="Measure how fast dts is on this machine.")
@click.argument("sections", nargs=-1, type=click.Choice(SECTIONS), metavar="[drain|stream|bulk|latency|spawn|kill]...")
@click.option("--quick", is_flag=True, help="One round on few tasks: in half a minute, and less exact.")
@click.option("--rounds", type=click.IntRange(1, 100), metavar="R", help="How often all is repeated.  [default: 3]")
@click.option("--tasks", type=click.IntRange(2, 1_000_000), metavar="N", help="How many tasks for each section.")
@click.option(
    "--profile",
    type=click.Choice(["embedded", "real"]),
    default="embedded",
    show_default=True,
    help="embedded: servers that pip can install, else those of this machine. real: those of this machine.",
)
@click.option("--stage", metavar="N", help="Which stage is measured.  [default: the newest]")
@click.option("--report", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write an HTML page.")
@json_option
def bench(
    sections: tuple[str, ...],
    quick: bool,
    rounds: int | None,
    tasks: int | None,
    profile: str,
    stage: str | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Measure dts in private servers: all sections, or those that are named.

    \b
      drain    no-op tasks that waited, worked off by an agent
      stream   no-op tasks submitted while the agent works
      bulk     how fast tasks are submitted
      latency  from submitting a task until its result can be read, at 50 a second
      spawn    tasks that are programs: /bin/true as a list, and by sh -c
      kill     from cancelling a task until its whole process tree is gone

    Each figure stands beside its floor, measured in the same run: the store's scripts called from one loop, bare
    posix_spawn, bare SIGKILL. What is shown is the median of all rounds, with the lowest and the highest. Where other
    programs keep the machine busy meanwhile, that is said.

    \b
    Examples:
      dts bench --quick                          half a minute
      dts bench --report bench.html              all of it, and a page with charts
      dts bench drain spawn --json | jq '.figures[] | {id, dts: .dts.median, ratio}'

    Exit codes: 0 measured · 1 what was measured did not do its work · 2 there is no such stage · 5 no server on this
    machine · 130 Ctrl-C.
    """
    from common.bench.plan import Plan
    from common.bench.rig import Place
    from common.cli.cluster_view import explained
    from common.cli.console import document
    from common.cli.demo import own_settings
    from common.lab.stages import load_stages
    from common.lab.stages import stage as stage_of

    with explained(), own_settings():
        place = Place(stage_of(stage or list(load_stages())[-1]), profile)
        names = [name for name in SECTIONS if name in sections] or SECTIONS
        sheet = _measured(Plan(names, place, rounds or (1 if quick else 3), quick, tasks))
    if report:
        _write(report, sheet)
    document(sheet.record()) if as_json else _show(sheet)


def _measured(plan: "Plan") -> "Sheet":
    from common.bench.plan import carry_out
    from common.cli.console import waiting
    from common.cli.failures import Told
    from common.lab.until import NotYet

    try:
        with waiting("starting ...") as show:
            return carry_out(plan, _progress(plan.rounds, show))
    except (NotYet, RuntimeError) as error:
        # Told's own exit code is that of something that failed.
        raise Told(f"what was measured did not do its work: {error}") from error


def _progress(rounds: int, show: Callable[..., None]) -> Callable[[str, int, int, int], None]:
    from common.cli.console import Cell

    def tell(section: str, number: int, done: int, of: int) -> None:
        show(Cell(section, "bold"), f"round {number} of {rounds}:", f"{done:,} of {of:,}")

    return tell


def _show(sheet: "Sheet") -> None:
    from common.bench.figures import QUIET
    from common.cli.console import Cell, note, table

    table(
        ("figure", "dts", "range", "floor", "of floor", "others", "what"), map(_row, sheet.figures), elastic=("what",)
    )
    if sheet.noisy:
        warning = f"This machine was not quiet: other programs kept more than {QUIET:g} cores busy beside"
        note(Cell(warning, "yellow"), ", ".join(sheet.noisy))


def _row(figure: "Figure") -> tuple[str, ...]:
    from common.bench.figures import number
    from common.bench.page import relation

    return (
        figure.id,
        f"{number(figure.dts.median)} {figure.unit}",
        f"{number(figure.dts.low)}–{number(figure.dts.high)}",
        number(figure.floor.median),
        relation(figure),
        f"{figure.others:.2f} cores",
        figure.title,
    )


def _write(path: Path, sheet: "Sheet") -> None:
    from common.bench.page import page
    from common.cli.console import note

    path.write_text(page(sheet), encoding="utf-8")
    note(f"The report is in {path}.")
