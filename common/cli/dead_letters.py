"""`dts dlq`: messages that nobody could read or take, and why."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from common.cli.options import json_option, server_option

if TYPE_CHECKING:
    from common.cli.where import Backend
    from common.transports.dead_letters import DeadLetter, DeadLetters


@click.group(short_help="Show messages that nobody could read; send them again or drop them.")
def dlq() -> None:
    """Dead letters: pushed tasks that were none, and messages of agents that no task-manager could read. They are kept
    with the reason until somebody has dealt with them.

    \b
    Examples:
      dts dlq list
      dts dlq show 1
      dts dlq replay 1               it goes back to where it was sent
      dts dlq drop --all
    """


@dlq.command("list", short_help="List the dead letters, newest first.")
@click.option("-l", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@json_option
@server_option
@click.pass_context
def list_letters(ctx: click.Context, limit: int, as_json: bool, redis_url: str | None) -> None:
    """List the dead letters, newest first. In a pipe the columns are: number, time, where it was sent, reason, body.

    \b
    Example:
      dts dlq list --limit 10

    \b
    Exit codes: 0 listed, even if there is none · 5 no server
    """
    from common.cli.console import Cell, document, note, on_terminal, table
    from common.cli.times import ago

    with _post(ctx, redis_url) as post:
        letters, now = post.newest()[:limit], post.now()
    if as_json:
        document({"deadLetters": [_fields(letter) for letter in letters]})
    elif letters or not on_terminal():
        rows = (
            (str(number), Cell(ago(letter.at, now), plain=letter.at), letter.queue, letter.reason, letter.body)
            for number, letter in enumerate(letters, 1)
        )
        table(("no", "when", "sent to", "reason", "body"), rows, elastic=["reason", "body"])
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

    with _post(ctx, redis_url) as post:
        (letter,) = post.chosen([number])
    if as_json:
        document(_fields(letter))
    else:
        details(_fields(letter).items())


@dlq.command(short_help="Send dead letters again, as they were.")
@click.argument("numbers", type=click.IntRange(min=1), nargs=-1)
@click.option("--all", "all_of_them", is_flag=True, help="All of them.")
@server_option
@click.pass_context
def replay(ctx: click.Context, numbers: Sequence[int], all_of_them: bool, redis_url: str | None) -> None:
    """Send the dead letters with these NUMBERS in `dts dlq list` to where they were sent first. It helps where the
    reader has been mended: a message that nobody can read yet comes back.

    \b
    Example:
      dts dlq replay 1 2

    \b
    Exit codes: 0 done · 2 none is named · 3 there are fewer · 5 no server
    """
    _each(ctx, redis_url, numbers, all_of_them, "replay")


@dlq.command(short_help="Forget dead letters.")
@click.argument("numbers", type=click.IntRange(min=1), nargs=-1)
@click.option("--all", "all_of_them", is_flag=True, help="All of them.")
@server_option
@click.pass_context
def drop(ctx: click.Context, numbers: Sequence[int], all_of_them: bool, redis_url: str | None) -> None:
    """Forget the dead letters with these NUMBERS in `dts dlq list`.

    \b
    Example:
      dts dlq drop --all

    \b
    Exit codes: 0 done · 2 none is named · 3 there are fewer · 5 no server
    """
    _each(ctx, redis_url, numbers, all_of_them, "drop")


class _Post:
    """All dead letters that there are, wherever they are kept."""

    def __init__(self, place: "Backend", keepers: "Sequence[DeadLetters]") -> None:
        self._place, self._keepers = place, keepers
        self._of: dict[int, DeadLetters] = {}

    def newest(self) -> "list[DeadLetter]":
        found = []
        for keeper in self._keepers:
            for letter in keeper.newest(10_000):
                self._of[id(letter)] = keeper
                found.append(letter)
        return sorted(found, key=lambda letter: letter.at, reverse=True)

    def chosen(self, numbers: Sequence[int]) -> "list[DeadLetter]":
        from common.cli.failures import NotFound

        letters = self.newest()
        if numbers and max(numbers) > len(letters):
            raise NotFound(f"there is no dead letter {max(numbers)}. `dts dlq list` shows which there are")
        return [letters[number - 1] for number in dict.fromkeys(numbers)] if numbers else letters

    def do(self, letter: "DeadLetter", what: str) -> bool:
        keeper = self._of[id(letter)]
        return keeper.replay(letter) if what == "replay" else keeper.drop(letter)

    def now(self) -> float:
        return self._place.clock.time()


@contextmanager
def _post(ctx: click.Context, redis_url: str | None) -> Iterator[_Post]:
    from common.cli.where import backend
    from common.transports.dead_letters import dead_letters_of

    with backend(ctx, redis_url) as place:
        keepers = dead_letters_of(place.redis, place.store.keys, place.kafka, place.kafka_access)
        try:
            yield _Post(place, keepers)
        finally:
            for keeper in keepers:
                keeper.close()


def _each(ctx: click.Context, redis_url: str | None, numbers: Sequence[int], all_of_them: bool, what: str) -> None:
    from common.cli.console import note

    if bool(numbers) == all_of_them:
        raise click.UsageError("name the numbers of some, or say --all.")
    with _post(ctx, redis_url) as post:
        done = sum(post.do(letter, what) for letter in post.chosen(numbers))
    note(f"{done} sent again." if what == "replay" else f"{done} dropped.")


def _fields(letter: "DeadLetter") -> dict[str, Any]:
    return {"queue": letter.queue, "at": letter.at, "reason": letter.reason, "id": letter.id, "body": letter.body}
