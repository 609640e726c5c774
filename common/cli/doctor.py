"""`dts doctor`: is all well with this machine, with Redis, and with what stands in it?"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.cli.exits import Exit
from common.cli.options import json_option, server_option

if TYPE_CHECKING:
    from common.cli.where import Backend
    from common.doctor.examination import Care
    from common.doctor.report import Report
    from common.settings import Settings

RECORD = click.Path(exists=True, path_type=Path)


@click.command(short_help="Check this machine, Redis, and all that is stored there.")
@click.option("--repair", is_flag=True, help="Set right what is safe to set right, and say what was done.")
@click.option("--all", "everything", is_flag=True, help="Read every task with its history, not only a sample of them.")
@click.option("--history", is_flag=True, help="Check all histories against the invariants I1 to I15 instead.")
@click.option("--journal", type=RECORD, metavar="PATH", help="With --history: what tasks wrote themselves.")
@click.option("--client-log", type=RECORD, metavar="FILE", help="With --history: what a client was told.")
@json_option
@server_option
@click.pass_context
def doctor(
    ctx: click.Context,
    repair: bool,
    everything: bool,
    history: bool,
    journal: Path | None,
    client_log: Path | None,
    as_json: bool,
    redis_url: str | None,
) -> None:
    """Check whether this machine is fit for an agent, that Redis for tasks, and whether what is stored there agrees
    with itself: hashes, histories, indexes, queues, leases.

    It may run while the system works, and changes nothing without --repair. That sets right only what follows from
    the tasks' hashes; for all else it says who or what does it. In a pipe each row is: verdict (ok, warn, bad,
    unknown, repaired), check, what it is about, what was seen, what to do or what was done.

    With --history it reads every history there is and holds it against the invariants of docs/reliability.md; those
    that need a record that you don't give say so. In a pipe each row is: verdict (ok, bad, unchecked), invariant, task,
    what was seen with its evidence, what holds.

    \b
    Examples:
      dts doctor
      dts doctor --repair --redis-url redis://10.0.0.7:6379/0
      dts doctor --all --json | jq -r '.findings[] | select(.repaired == null).subject'
      dts doctor --history --journal /var/log/tasks --client-log calls.jsonl

    Exit codes: 0 all is well, or warnings only, or all is repaired · 1 something is wrong · 2 something could not be
    told, as where Redis is away.
    """
    if not history and (journal or client_log):
        raise click.UsageError("--journal and --client-log are records for --history: give that too.")
    if history and (repair or everything):
        raise click.UsageError("--history reads everything, and changes nothing: leave out --all and --repair.")
    if history:
        from common.cli.histories import check_histories
        from common.doctor.history.visit import Records

        ctx.exit(check_histories(ctx, redis_url, Records(journal, client_log), as_json=as_json))
    ctx.exit(_examined(ctx, redis_url, repair=repair, everything=everything, as_json=as_json))


def _examined(ctx: click.Context, redis_url: str | None, *, repair: bool, everything: bool, as_json: bool) -> Exit:
    from common.cli.console import waiting
    from common.cli.doctor_view import show, show_json

    with waiting("looking at this machine …") as told:
        report = _visit(ctx, redis_url, repair=repair, everything=everything, told=told)
    (show_json if as_json else show)(report)
    return {"bad": Exit.FAILED, "unknown": Exit.USAGE}.get(report.verdict, Exit.OK)


def _visit(
    ctx: click.Context, redis_url: str | None, *, repair: bool, everything: bool, told: Callable[[str], None]
) -> "Report":
    from common.cli.where import backend
    from common.doctor.examination import Care
    from common.doctor.machine import machine_checks
    from common.doctor.report import Report
    from common.doctor.verdicts import bad, ok
    from common.domain.errors import BadSetting, Unavailable
    from common.lab.java.checkup import check_java
    from common.lab.java.jars import default_folder
    from common.lab.ports import free_ports
    from common.settings import Settings

    report = Report()
    try:
        settings = Settings.load(redis_url=redis_url)
        java = check_java((settings.jars or default_folder()).absolute())
        report.machine = [ok("settings", "can be read"), *machine_checks(settings, free_ports), java]
        with backend(ctx, redis_url) as place:
            care = Care(settings.retention, repair=repair, everything=everything)
            _look_at(report, place, settings, care, told)
    except BadSetting as error:
        report.machine = [
            bad("settings", str(error), "correct it: what depends on it can't be told"),
            *report.machine[1:],
        ]
        report.why = "a setting is wrong"
    except Unavailable as error:
        report.why = f"{error}; `dts up 1 -d` starts stage 1 here, --redis-url names another server"
    return report


def _look_at(
    report: "Report", place: "Backend", settings: "Settings", care: "Care", told: Callable[[str], None]
) -> None:
    from redis.exceptions import ResponseError

    from common.doctor.examination import Examination
    from common.doctor.server import server_checks
    from common.domain.errors import DtsError

    told("looking at Redis …")
    report.server = list(server_checks(place.redis, settings, place.clock))
    report.examination = Examination(place.store, place.redis, place.clock, care, told)
    try:
        report.examination.run()
    except (DtsError, ResponseError) as error:
        report.why = str(error)
