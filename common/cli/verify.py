"""`dts verify`: are a stage's claims true of what runs now?"""

import secrets
from typing import TYPE_CHECKING

import click

from common.cli.demo import LANGUAGES, complete_stage
from common.cli.exits import Exit
from common.cli.options import json_option, server_option

if TYPE_CHECKING:
    from common.cli.attached import Attached
    from common.lab.stages import StageSpec


@click.command(short_help="Check a stage's claims on what runs now.")
@click.argument("stage", shell_complete=complete_stage)
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language it is told in.  [default: by $LANG]")
@click.option(
    "--within", type=float, default=15.0, show_default=True, metavar="SECONDS", help="How long a claim may take."
)
@json_option
@server_option
@click.pass_context
def verify(
    ctx: click.Context, stage: str, lang: str | None, within: float, as_json: bool, redis_url: str | None
) -> None:
    """Check on a running system what `dts demo STAGE` claims, as far as that hurts nobody: nothing is killed or
    stopped. For each claim it shows what was asked, the command that shows the answer, and what came back.

    It leaves a few tasks of its own behind, and says which.

    \b
    Examples:
      dts up 1 -d && dts verify 1
      dts verify 1 --redis-url redis://10.0.0.7:6379/0
      dts verify 1 --json | jq -r '.claims[] | select(.verdict != "held").id'

    Exit codes: 0 all of them hold · 1 one is broken · 2 it could not be told: nothing runs, another stage runs,
    no agent is there, Redis is away, all slots are taken, or there is no such stage.
    """
    from common.cli.attached import attached
    from common.cli.checking import Checking
    from common.cli.cluster_view import explained
    from common.cli.demo import scenario_of
    from common.cli.failures import complain
    from common.cli.sheets import sheet
    from common.domain.errors import Unavailable
    from common.lab.texts import language_of

    with explained():
        spec, scenario = scenario_of(stage)
    paper = sheet(spec, scenario, lang or language_of(), as_json=as_json)
    prefix = f"verify-{secrets.token_hex(3)}-"
    try:
        with attached(redis_url, prefix) as there:
            why = _in_the_way(there, spec)
            if not why:
                ctx.exit(Checking(there, scenario, paper, prefix, within).run())
    except Unavailable as error:
        why = str(error)
    paper.nothing(why)
    complain(f"could not tell: {why}", "`dts up 1 -d` starts stage 1 here; --redis-url names another system.")
    ctx.exit(Exit.USAGE)


def _in_the_way(there: "Attached", spec: "StageSpec") -> str:
    """Why nothing can be told of this system; '' where nothing is in the way."""
    if there.stage not in (None, spec.number):
        return f"what runs here is stage {there.stage}, not stage {spec.number}"
    picture = there.observer.look()
    while not (picture.away or there.observer.went_round):
        picture = there.observer.look()
    if picture.away:
        return picture.away
    agents = [member for member in picture.members if member.role == "agent"]
    if agents and not any(member.state == "running" for member in agents):
        return f"no agent runs: {', '.join(f'{agent.name} is {agent.state}' for agent in agents)}"
    if not any(lease.fields for lease in picture.leases.values()):
        return f"no agent is there: nobody holds a lease at {there.place}"
    return ""
