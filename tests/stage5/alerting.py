"""Alerts shown firing and clearing under real faults: a real stage 5, Prometheus, Alertmanager and a webhook.

The rules are those of stage5_ops/monitoring, with what they wait and look back for divided by ten.

python -m tests.stage5.alerting
"""

import time
from collections.abc import Callable, Mapping

import click

from tests.stage5.watched import Watched, all_dropped, many_failing, unreadable, watched

Act = Callable[[], None]
Story = tuple[Act, Act]
"""What breaks it, and what mends it."""


def stories(seen: Watched) -> Mapping[str, Story]:
    """By the alert that is to fire."""
    schedulers, managers = ("scheduler-1", "scheduler-2"), ("manager-1", "manager-2")
    return {
        "DeadLetters": (lambda: unreadable(seen), lambda: all_dropped(seen)),
        "AgentsMissing": (seen.fault("kill", "agent-1"), seen.fault("start", "agent-1")),
        "NoAgents": (seen.fault("stop", "agent-1", "agent-2"), seen.fault("start", "agent-1", "agent-2")),
        "NoLeader": (seen.fault("kill", *schedulers), seen.fault("start", *schedulers)),
        "ManagersMissing": (seen.fault("kill", "manager-2"), seen.fault("start", "manager-2")),
        "NoManagers": (seen.fault("stop", *managers), seen.fault("start", *managers)),
        "NoApi": (seen.fault("kill", "api-1"), seen.fault("start", "api-1")),
        "SurveyStale": (seen.fault("stop", "redis"), seen.fault("start", "redis")),
        "FailureRatioHigh": (lambda: many_failing(seen), lambda: None),
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("only", nargs=-1, metavar="[ALERT]...")
def alerting(only: tuple[str, ...]) -> None:
    """Break a real stage 5 in one way after the other; see each alert fire and clear. All of them, or ONLY these.

    Exit codes: 0 all fired and cleared · 1 one did not.
    """
    with watched() as seen:
        told = stories(seen)
        for name in only or told:
            began = time.monotonic()
            try:
                seen.plays(name, *told[name])
            except AssertionError as error:
                raise click.ClickException(str(error)) from error
            click.echo(f"{name}: fired and cleared within {time.monotonic() - began:.0f} s")
        click.echo("\nWhat the webhook was told:")
        for line in seen.told:
            click.echo(f"  {line}")


if __name__ == "__main__":
    alerting(prog_name="python -m tests.stage5.alerting")
