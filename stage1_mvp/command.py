"""Command: what starts an agent from a command line, the same at every stage but for what the agent is wired of."""

import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import IO, Any

import click
from redis import Redis

from common import logs, running
from common.domain.errors import DtsError
from common.executors.context import ExecutorContext
from common.executors.lookup import load_executors
from common.running import Signals
from common.settings import Settings
from common.transports.redis_client import connect
from stage1_mvp.fence import hide
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


class Stopped(click.ClickException):
    """Why a process can't go on: the last thing that it says, in the form of all that it has said."""

    def show(self, file: IO[Any] | None = None) -> None:
        if logs.in_json():
            log.critical("%s", self.message)
        else:
            super().show(file)


def agent_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of an agent, for the command that is one."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def be_agent(run: Run, *, fence: bool, log_form: logs.Format = "text", **flags: Any) -> None:
    """Be an agent until `run` returns; raises ClickException with what stands in the way.

    `log_form` is how it logs where the settings do not say.
    """
    try:
        settings = Settings.load(**flags)
        # What is wrong with them is said now, not when Redis can be reached at last.
        running.check_redis(settings)
        load_executors(settings.executors, ExecutorContext(settings.home))
        running.say(settings, "agent", log_form=log_form)
        tether = tie() if fence else Tether()
        if sys.platform.startswith("linux"):
            hide()
        signals = running.start(settings, log, "agent", log_form=log_form)
        run(settings, partial(connect, settings.redis_url), signals, tether)
    except DtsError as error:
        raise Stopped(str(error)) from error
