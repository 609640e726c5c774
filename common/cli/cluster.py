"""`dts up`, `ps`, `env`, `down`, `fault`: a whole stage on this machine."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.cli.cluster_view import explained, progress, record, show, signals_as_interrupt, starting, stay, take_down
from common.cli.console import document, note, say

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

FAULTS = ("kill", "freeze", "thaw", "stop", "start")


def _stages(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem

    from common.lab.stages import load_stages

    return [
        CompletionItem(name, help=spec.title) for name, spec in load_stages().items() if name.startswith(incomplete)
    ]


def _members(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from common.domain.errors import DtsError
    from common.lab.home import Home

    try:
        return [member.name for member in Home(_home()).read().members if member.name.startswith(incomplete)]
    except DtsError:
        return []


@click.command(short_help="Start a whole stage on this machine.")
@click.argument("stage", shell_complete=_stages)
@click.option("-d", "--detach", is_flag=True, help="Return when everything is ready, and leave it running.")
@click.option(
    "--profile",
    type=click.Choice(["embedded", "real"]),
    default="embedded",
    show_default=True,
    help="embedded: servers that pip can install, else those of this machine. real: those of this machine, and "
    "ZooKeeper and Kafka where the stage has them.",
)
@click.option(
    "--agents", type=click.IntRange(1, 100), metavar="K", help="How many agents; a stage has its usual number."
)
@click.option("--schedulers", type=click.IntRange(1, 20), metavar="K", help="How many schedulers, from stage 2 on.")
@click.option("--managers", type=click.IntRange(1, 20), metavar="K", help="How many task-managers, from stage 3 on.")
@click.option("--apis", type=click.IntRange(1, 20), metavar="K", help="How many task-apis, from stage 4 on.")
@click.option(
    "--zookeepers",
    type=click.Choice(["1", "3", "5"]),
    help="With --profile real: so many make one ensemble.",
)
def up(stage: str, detach: bool, profile: str, zookeepers: str | None, **sizes: int | None) -> None:
    """Start the whole of STAGE on this machine, on free ports, with its state under $DTS_HOME (.dts).

    It stays in the foreground, tells what becomes of its members, and ends them all at Ctrl-C; with -d it
    goes on in the background until `dts down`. Another DTS_HOME is another cluster: several run side by side.
    Settings (DTS_SLOTS, DTS_LEASE, ...) are handed on to every member.

    \b
    Examples:
      dts up 1 -d                    then: dts submit 'echo hi' --wait
      eval "$(dts env)"              for redis-cli -u "$DTS_REDIS_URL"
      DTS_SLOTS=8 dts up 1           an agent that runs eight tasks at once
      dts up 2 --agents 5            several agents, and two schedulers of which one leads
      dts up 2 --profile real --zookeepers 3
      dts up 3 --managers 3 --profile real
      dts up 4 --apis 2

    Exit codes: 0 up, or ended by Ctrl-C · 1 a member did not start (its log is shown, nothing is left) ·
    2 wrong usage, or a home that can't be written · 4 already up in this home · 5 no server on this machine.
    """
    from common.lab.cluster import Cluster
    from common.lab.stages import Sizes
    from common.lab.stages import stage as stage_of

    home = _home()
    with explained(), ExitStack() as until_the_end:
        spec, wanted = stage_of(stage), Sizes(**sizes, zookeepers=int(zookeepers) if zookeepers else None)
        if detach:
            with starting(home) as told:
                cluster = Cluster.up(home, spec, profile, sizes=wanted, told=told)
            show(cluster)
            note("It goes on in the background: `dts submit 'echo hi' --wait` uses it, `dts down` ends it.")
            return
        until_the_end.enter_context(signals_as_interrupt())
        with starting(home) as told:
            owned = Cluster.owned(home, spec, profile, sizes=wanted, told=told, hurt=False)
            cluster = until_the_end.enter_context(owned)
        stay(cluster, show, "Ctrl-C ends it all; `dts fault` in another terminal breaks it.")
        take_down(cluster)


@click.command(short_help="Show what `up` runs here.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of {name, role, pid, state}.")
def ps(as_json: bool) -> None:
    """Show the members of the cluster in $DTS_HOME (.dts): name, role, pid and state, tab-separated in a pipe.

    A state is one of running, frozen (by SIGSTOP), stopped (on purpose) and dead (by itself, or killed);
    only the first two have a pid.

    \b
      dts ps --json | jq -r '.[] | select(.state == "dead").name'

    Exit codes: 0, also where nothing is up · 2 a home that can't be read.
    """
    from common.lab.cluster import Cluster
    from common.lab.errors import NotUp

    with explained():
        try:
            cluster = Cluster.at(_home())
            if as_json:
                document([record(member) for member in cluster.members()])
            else:
                show(cluster)
        except NotUp as nothing:
            if as_json:
                document([])
            note(f"{nothing}.")


@click.command(short_help="Print how clients reach what `up` runs here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def env(as_json: bool) -> None:
    """Print the addresses of the cluster in $DTS_HOME (.dts) as lines for a shell to evaluate.

    \b
      eval "$(dts env)"
      redis-cli -u "$DTS_REDIS_URL" LPUSH queue:tasks '{"name":"hello","type":"SHELL","content":"echo hi"}'

    Exit codes: 0 printed · 2 a home that can't be read · 3 nothing is up.
    """
    from common.lab.cluster import Cluster
    from common.lab.home import export

    with explained():
        addresses = Cluster.at(_home()).environment
    if as_json:
        document(addresses)
    else:
        click.echo(export(addresses), nl=False)


@click.command(short_help="Stop what `up` runs here and leave nothing of it.")
@click.option("--keep-data", is_flag=True, help="Keep the servers' data; the next `dts up` here goes on with it.")
def down(keep_data: bool) -> None:
    """Stop the cluster in $DTS_HOME (.dts): its members, whatever their tasks left running, and its files.

    Nothing waits until running tasks are done (`dts fault stop agent-1` does); they are told
    to end, and killed where they have not within DTS_GRACE, or 7 seconds. It also clears up what a crash left.
    Where nothing is up, data that was kept earlier stays.

    \b
      dts down
      DTS_HOME=/tmp/second dts down --keep-data

    Exit codes: 0 nothing is left, also where nothing was up · 1 a process can't be ended ·
    2 the files can't be removed.
    """
    from common.lab.cluster import Cluster
    from common.lab.home import Home

    home = Home(_home())
    with explained():
        take_down(Cluster(home), keep_data=keep_data)
    if home.data.is_dir():
        note(f"Data is kept in {home.data}; the next `dts up` here goes on with it.")


@click.command(short_help="Hurt a member on purpose, or bring it back.")
@click.argument("kind", type=click.Choice(FAULTS), metavar="|".join(FAULTS))
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=_members)
def fault(kind: str, names: tuple[str, ...]) -> None:
    """Do to members of the cluster in $DTS_HOME (.dts) what happens to real machines; returns when it shows.

    \b
      kill    end it at once (SIGKILL); its running tasks are not told
      freeze  stop it from doing anything (SIGSTOP), as a long pause does
      thaw    let a frozen one go on (SIGCONT)
      stop    ask it to end (SIGTERM) and wait; an agent lets its running tasks end first
      start   start it again: same command, and for a server same port and data

    `dts ps` shows the names. `leader` is the scheduler that leads now; `dead` and `frozen` are members that are so.
    A frozen `cable` is a network that is cut: through it stage 2's last agent reaches the servers.

    \b
      dts fault kill agent-1
      dts fault kill leader && dts fault start dead
      dts fault freeze redis && dts ps && dts fault thaw redis

    Exit codes: 0 done · 1 it did not start or stop in time · 3 nothing is up, or no member has that name ·
    4 not possible in the state it is in.
    """
    from common.lab.cluster import Cluster

    with explained():
        cluster = Cluster.at(_home())
        members = [cluster.meant(name) for name in names]
        for name in members:
            with progress() as tell:
                tell(f"{kind} {name} ...")
                cluster.fault(kind, name)
            say(f"{name} is {cluster.member(name).state}")


def _home() -> Path:
    from common.settings import Settings

    return Settings.load().home
