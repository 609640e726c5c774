"""Command: what starts an agent from a command line, the same at every stage but for what the agent is wired of."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import click
from redis import Redis

from common import running
from common.domain.errors import DtsError
from common.executors.context import ExecutorContext
from common.executors.lookup import load_executors
from common.running import Signals
from common.settings import Settings
from common.transports.redis_client import connect
from stage1_mvp.tether import Tether, tie

log = logging.getLogger("dts.agent")

Run = Callable[[Settings, Callable[..., Redis], Signals, Tether], None]

_OPTIONS = (
    click.option("--id", "agent", help="The agent's id; two live agents never share one.  [default: the host's name]"),
    click.option("--redis-url", help="The Redis that holds the tasks.  [default: $DTS_REDIS_URL]"),
    click.option("--slots", type=int, help="Tasks run at once.  [default: twice the cores]"),
    click.option("--lease", type=float, help="Seconds of silence after which the agent counts as lost.  [default: 15]"),
    click.option(
        "--drain", type=float, help="Seconds that a stopping agent waits for its running tasks. [default: 60]"
    ),
    click.option("--task-memory", help="How much memory a task may use, like 512MiB.  [default: no limit]"),
    click.option("--task-processes", type=int, help="How many processes a task may have.  [default: no limit]"),
    click.option("--fence/--no-fence", default=True, help="Whether a parent process ends its tasks when it can't."),
)


def agent_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of an agent, for the command that is one."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def be_agent(run: Run, *, fence: bool, **flags: Any) -> None:
    """Be an agent until `run` returns; raises ClickException with what stands in the way."""
    try:
        settings = Settings.load(**flags)
        # What is wrong with them is said now, not when Redis can be reached at last.
        running.check_redis(settings)
        load_executors(settings.executors, ExecutorContext(settings.home))
        tether = tie() if fence else Tether()
        signals = running.start(settings, log)
        run(settings, partial(connect, settings.redis_url), signals, tether)
    except DtsError as error:
        raise click.ClickException(str(error)) from error
