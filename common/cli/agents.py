"""`dts agent list`, `drain`, `resume`: who runs tasks, and who may be given new ones."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from common.cli.exits import Exit
from common.cli.options import json_option, tasks_option

if TYPE_CHECKING:
    from common.cli.where import Place
    from common.domain.status import Answer

BY = "cli"
COLUMNS = ("agent", "state", "holds", "slots", "host", "pid", "boot")


@click.group(short_help="Show agents; drain one before its machine is touched.")
def agent() -> None:
    """Show the agents that ever were here, and keep one from new tasks or let it have some again.

    \b
    Examples:
      dts agent list
      dts agent drain agent-2        it gets nothing new; what it holds goes on
      dts agent resume agent-2
    """


@agent.command("list", short_help="List the agents.")
@json_option
@tasks_option
@click.pass_context
def list_agents(ctx: click.Context, as_json: bool, redis_url: str | None) -> None:
    """List the agents by their ids. In a pipe the columns are: id, state, tasks it holds, slots, host, pid, boot.

    \b
    States:
      live         it holds its lease, and may be given tasks
      drained      it holds its lease, and gets nothing new until `dts agent resume`
      quarantined  it keeps dying, and gets nothing new for a while
      gone         it holds no lease

    \b
    Example:
      dts agent list --json | jq -r '.agents[] | select(.state == "gone").agent'

    \b
    Exit codes: 0 listed, even if there is none · 5 no server
    """
    from common.cli.console import document, note, on_terminal, table
    from common.cli.where import place_of

    with place_of(ctx, redis_url) as place:
        found = place.tasks.agents()
    if as_json:
        document({"agents": found})
    elif found or not on_terminal():
        table(COLUMNS, ([str(one[name] if one[name] is not None else "") for name in COLUMNS] for one in found))
    else:
        note("No agents. `dts up 2 -d` starts some on this machine.")


@agent.command(short_help="Give an agent nothing new.")
@click.argument("agents", metavar="ID...", nargs=-1, required=True)
@tasks_option
@click.pass_context
def drain(ctx: click.Context, agents: Sequence[str], redis_url: str | None) -> None:
    """Give agents nothing new, from now on until they are resumed, restarts included; what they hold goes on.

    It is for schedulers, from stage 2 on: stage 1's agent takes tasks for itself.

    \b
    Examples:
      dts agent drain agent-2
      until [ "$(dts agent list | awk '$1 == "agent-2" {print $3}')" = 0 ]; do sleep 1; done

    \b
    Exit codes: 0 drained · 3 no such agent was ever here · 5 no server
    """
    _each(ctx, redis_url, agents, lambda place, one: place.tasks.drain(one, BY), "drained")


@agent.command(short_help="Let an agent have tasks again.")
@click.argument("agents", metavar="ID...", nargs=-1, required=True)
@tasks_option
@click.pass_context
def resume(ctx: click.Context, agents: Sequence[str], redis_url: str | None) -> None:
    """Let agents have tasks again that were drained, or put into quarantine.

    \b
    Example:
      dts agent resume agent-2

    \b
    Exit codes: 0 resumed · 3 no such agent was ever here · 5 no server
    """
    _each(ctx, redis_url, agents, lambda place, one: place.tasks.resume(one, BY), "resumed")


def _each(
    ctx: click.Context, redis_url: str | None, agents: Sequence[str], ask: "Callable[[Place, str], Answer]", done: str
) -> None:
    from common.cli.console import table
    from common.cli.where import place_of

    with place_of(ctx, redis_url) as place:
        answers = [ask(place, one) for one in agents]
    words = {"OK": done, "SAME": f"{done} before", "NOT_FOUND": "not found"}
    table(("agent", "answer"), zip(agents, (words[answer] for answer in answers), strict=True))
    ctx.exit(Exit.NOT_FOUND if "NOT_FOUND" in answers else Exit.OK)
