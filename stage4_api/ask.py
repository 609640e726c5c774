"""A command that calls a task-manager by hand, to see what goes on between the processes."""

import json
from contextlib import closing

import click

from common.domain.errors import DtsError
from common.rpc.envelope import arguments_of
from common.rpc.line import Line
from common.rpc.providers import TASK_MANAGER
from common.settings import Settings


@click.command()
@click.argument("address", metavar="HOST:PORT")
@click.argument("method")
@click.argument("arguments", default="{}", metavar="[JSON]")
def ask(address: str, method: str, arguments: str) -> None:
    """Call METHOD of the task-manager at HOST:PORT as task-api does, and print what it answers: for learners.

    \b
      python -m stage4_api ask 127.0.0.1:7001 counts
      python -m stage4_api ask 127.0.0.1:7001 tasks '{"tasks": ["report-1"]}'
    """
    try:
        settings = Settings.load()
        said = arguments_of(arguments.encode())
        with closing(Line(address, settings.rpc_secret, TASK_MANAGER, settings.rpc_timeout)) as line:
            click.echo(json.dumps(line.call(method, said, settings.rpc_timeout), ensure_ascii=False, indent=2))
    except DtsError as error:
        raise click.ClickException(str(error)) from error
