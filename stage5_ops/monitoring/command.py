"""`dts monitor`: Prometheus and Alertmanager beside the stage that runs here."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from common.cli.cluster_view import explained, progress, signals_as_interrupt
from common.cli.console import note, say
from common.cli.exits import Exit
from common.cli.failures import Told

if TYPE_CHECKING:
    from common.settings import Settings

QUICK = 10


class Unwatched(Told):
    """There is nothing that could be watched."""

    exit_code = Exit.UNREACHABLE


@click.command(short_help="Watch what runs here with Prometheus and Alertmanager.")
@click.option("--quick", is_flag=True, help=f"Look more often, and let alerts fire and clear {QUICK} times sooner.")
def monitor(quick: bool) -> None:
    """Start Prometheus and Alertmanager beside the stage 5 that `dts up` runs here, and tell what they find.

    Prometheus asks the API where all processes are, and has the rules and alerts of dts; what Alertmanager sends is
    printed as lines. Both listen on free ports of this machine alone, and end at Ctrl-C with all that they kept.
    Another API is named by DTS_API_URL and DTS_API_TOKEN. docs/monitoring.md has more, docs/runbooks.md what to do.

    \b
      dts up 5 -d
      dts monitor --quick              then, in another terminal:
      dts fault kill agent-1           and soon, here: firing warning AgentsMissing: …

    Exit codes: 0 ended by Ctrl-C · 1 one of them did not start, or ended by itself · 2 a setting is wrong ·
    5 Prometheus or Alertmanager is not on this machine, or there is nothing to watch.
    """
    from common.lab.until import until
    from stage5_ops.monitoring.servers import watching

    known = _watched()
    with explained(), ExitStack() as until_the_end:
        until_the_end.enter_context(_ctrl_c())
        until_the_end.enter_context(signals_as_interrupt())
        with progress() as tell:
            tell("starting Prometheus and Alertmanager ...")
            hurry = QUICK if quick else 1
            watch = until_the_end.enter_context(watching(known.api_url.partition(",")[0], known.api_token, say, hurry))
        note(f"Prometheus is at {watch.prometheus}/alerts, Alertmanager at {watch.alertmanager}.")
        note("What they tell follows. Ctrl-C ends both.")
        until(lambda: not watch.works, within=math.inf, every=0.2)
        raise Told("one of them ended by itself")


def _watched() -> "Settings":
    """Where the API is, and what lets us in; raises where there is none that tells figures."""
    from common.cli.where import running_here
    from common.settings import Settings

    known = Settings.load()
    if not known.api_url:
        found = running_here(known.home)
        known = Settings.load(api_url=found.get("DTS_API_URL"), api_token=found.get("DTS_API_TOKEN"))
    if not known.api_url:
        raise Unwatched(
            f"no stage with an API runs in {known.home}, and DTS_API_URL names no other; `dts up 5 -d` starts one"
        )
    _check(known)
    return known


def _check(known: "Settings") -> None:
    from common.client.http import Http, Refused
    from common.clock import SystemClock

    http = Http(known.api_url, known.api_token, SystemClock())
    try:
        with http.stream("/metrics/targets", {}):
            return
    except Refused as error:
        if error.status != 404:
            raise
        raise Unwatched(f"the API at {known.api_url} tells no figures; that of stage 5 does: `dts up 5 -d`") from None
    finally:
        http.close()


@contextmanager
def _ctrl_c() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        note("")
