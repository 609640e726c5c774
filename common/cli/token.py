"""`dts token new`, `list`, `remove`: who may ask the API for what."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.cli.exits import Exit
from common.cli.options import json_option

if TYPE_CHECKING:
    from common.tokens import Role

ROLES = ("viewer", "operator", "admin")
"""As common.tokens.Role, which is too heavy to be loaded for a help text."""

file_option = click.option(
    "--file",
    "-F",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="DTS_API_TOKENS",
    show_envvar=True,
    required=True,
    help="The file of tokens that the API reads.",
)


@click.group(short_help="Make, list and remove tokens of the API.")
def token() -> None:
    """Tokens say who may ask the API for what. Only their hashes are kept, in a file that the API reads again when it
    changes, within about a second.

    \b
    Examples:
      dts token new ci --role operator --file tokens --days 90
      dts token list --file tokens
      dts token remove ci --file tokens
    """


@token.command(short_help="Make a token, and show it once.")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(ROLES), required=True, help="viewer: look · operator: tasks too · admin: agents too."
)
@click.option("--days", type=click.IntRange(1, 36_500), help="How long it holds; for ever if not given.")
@file_option
@json_option
def new(name: str, role: str, days: int | None, file: Path, as_json: bool) -> None:
    """Make a token for NAME and print it: now, and never again. A client sends it as `Authorization: Bearer …`, and
    `dts` takes it from DTS_API_TOKEN.

    \b
    Example:
      export DTS_API_TOKEN="$(dts token new me --role admin --file tokens)"

    \b
    Exit codes: 0 made · 2 the name can't be used or is there already, or the file can't be written
    """
    from datetime import UTC, datetime, timedelta

    from common.cli.console import document, note
    from common.tokens import NAME, Role, append_token, new_token

    if not NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r} is no name: letters, digits, '.', '_' and '-', 64 at most.")
    until = datetime.now(UTC).date() + timedelta(days=days) if days else None
    secret, made = new_token(name, Role(role), until)
    append_token(file, made)
    if as_json:
        document({"name": name, "role": role, "until": str(until) if until else None, "token": secret})
    else:
        click.echo(secret)
        note(f"A token for {_article(made.role)}{f' until {until}' if until else ''}. It is shown this once.")


@token.command("list", short_help="List the tokens of a file.")
@file_option
@json_option
def list_tokens(file: Path, as_json: bool) -> None:
    """List the tokens of a file, not what proves them: that nobody knows. In a pipe the columns are: name, role, until.

    \b
    Example:
      dts token list --file tokens --json

    \b
    Exit codes: 0 listed · 2 the file can't be read, or a line of it can't
    """
    from common.cli.console import document, note, table
    from common.tokens import read_tokens

    tokens, complaints = read_tokens(file)
    if as_json:
        found = [{"name": one.name, "role": one.role, "until": str(one.until) if one.until else None} for one in tokens]
        document({"tokens": found})
    else:
        table(("name", "role", "until"), ((one.name, one.role, str(one.until or "")) for one in tokens))
    for complaint in complaints:
        note(f"{file}, {complaint}; it lets nobody in.")
    click.get_current_context().exit(Exit.USAGE if complaints else Exit.OK)


@token.command(short_help="Remove a token.")
@click.argument("name")
@file_option
def remove(name: str, file: Path) -> None:
    """Remove the token of NAME: within about a second it lets nobody in any more.

    \b
    Example:
      dts token remove ci --file tokens

    \b
    Exit codes: 0 removed · 2 the file can't be written · 3 there is no such token
    """
    from common.cli.failures import NotFound
    from common.tokens import remove_token

    if not remove_token(file, name):
        raise NotFound(f"{file} has no token named {name!r}")
    click.echo(f"{name}\tremoved")


def _article(role: "Role") -> str:
    return f"{'a' if role == 'viewer' else 'an'} {role}"
