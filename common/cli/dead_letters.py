"""`dts dlq`: messages that could not be taken as tasks, and why."""

import json
from typing import TYPE_CHECKING, Any

import click

from common.cli.options import json_option, server_option

if TYPE_CHECKING:
    from common.cli.where import Backend


@click.group(short_help="Show messages that nobody could read as a task.")
def dlq() -> None:
    """Show dead letters: what was pushed to the queue and was no task, with the reason.

    \b
    Examples:
      dts dlq list
      dts dlq show 1
    """


@dlq.command("list", short_help="List the dead letters, newest first.")
@click.option("-l", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@json_option
@server_option
@click.pass_context
def list_letters(ctx: click.Context, limit: int, as_json: bool, redis_url: str | None) -> None:
    """List the dead letters, newest first. In a pipe the columns are: number, time, reason, body.

    \b
    Example:
      dts dlq list --limit 10

    \b
    Exit codes: 0 listed, even if there is none · 5 no server
    """
    from common.cli.console import Cell, document, note, on_terminal, table
    from common.cli.times import ago
    from common.cli.where import backend

    with backend(ctx, redis_url) as place:
        letters, now = _letters(place, 0, limit), place.clock.time()
    if as_json:
        document({"deadLetters": letters})
    elif letters or not on_terminal():
        rows = (
            (str(number), Cell(ago(letter["at"], now), plain=letter["at"]), letter["reason"], letter["body"])
            for number, letter in enumerate(letters, 1)
        )
        table(("no", "when", "reason", "body"), rows, elastic=["reason", "body"])
    else:
        note("No dead letters.")


@dlq.command(short_help="Show one dead letter in full.")
@click.argument("number", type=click.IntRange(min=1))
@json_option
@server_option
@click.pass_context
def show(ctx: click.Context, number: int, as_json: bool, redis_url: str | None) -> None:
    """Show the dead letter with that NUMBER in `dts dlq list`, its whole body included.

    \b
    Example:
      dts dlq show 1 --json | jq -r .body

    \b
    Exit codes: 0 shown · 3 there are fewer · 5 no server
    """
    from common.cli.console import details, document
    from common.cli.failures import NotFound
    from common.cli.where import backend

    with backend(ctx, redis_url) as place:
        letters = _letters(place, number - 1, 1)
    if not letters:
        raise NotFound(f"there is no dead letter {number}. `dts dlq list` shows which there are")
    if as_json:
        document(letters[0])
    else:
        details((name, str(value)) for name, value in letters[0].items())


def _letters(place: "Backend", first: int, count: int) -> list[dict[str, Any]]:
    from common.transports.redis_client import redis_errors

    keys = place.store.keys
    with redis_errors():
        raw = place.redis.lrange(keys.dead_letters(keys.tasks_queue), first, first + count - 1)
    return [_letter(str(text)) for text in raw]


def _letter(text: str) -> dict[str, Any]:
    """One letter; whatever else stands in the list is shown as its own body."""
    try:
        letter = json.loads(text)
    except ValueError:
        letter = None
    if not isinstance(letter, dict):
        letter = {"body": text}
    return {"at": "", "reason": "", "body": "", **letter}
