"""`dts infra`: real Redis, ZooKeeper and Kafka for this machine, without a stage."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from common.cli.cluster_view import explained, signals_as_interrupt, starting, stay, take_down
from common.cli.console import document, note
from common.cli.exits import Exit
from common.cli.failures import NotFound, Refused
from common.cli.options import json_option

if TYPE_CHECKING:
    from common.lab.cluster import Cluster

ROLES = ("redis", "zookeeper", "kafka")


class Roles(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.4
    """Some of the servers, separated by commas."""

    name = "servers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        named = [name.strip() for name in value.split(",") if name.strip()]
        unknown = [name for name in named if name not in ROLES]
        if unknown or not named:
            self.fail(f"{', '.join(unknown) or 'nothing'} is none of {', '.join(ROLES)}.", param, ctx)
        return tuple(named)


class InOrder(click.Group):
    """A group whose help shows the commands in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder, short_help="Real Redis, ZooKeeper and Kafka for this machine.")
def infra() -> None:
    """Run a real Redis, ZooKeeper and Kafka on this machine, on free ports of the loopback address.

    They are set up to be small and quick to start, for learning, development and tests; the stages of
    `dts up --profile real` start theirs by the same code. Their state stands in $DTS_HOME/infra (.dts/infra).

    \b
    Examples:
      dts infra install               once: fetch ZooKeeper and Kafka (47 MB)
      eval "$(dts infra up -d)"       start all three, and tell this shell where they are
      dts infra down                  end them, and leave nothing of them
    """


@infra.command(short_help="Fetch what ZooKeeper and Kafka need, once.")
@json_option
def install(as_json: bool) -> None:
    """Bring the jars of ZooKeeper and Kafka onto this machine, and look for Java and redis-server.

    Each jar is checked against the SHA-256 that dts was tested with. What stands in Maven's local repository is taken
    from there; all else is downloaded from Maven Central, from the mirror that Maven's settings.xml names, or from
    $DTS_MAVEN_URL. Proxies and certificates are those of the environment (https_proxy, SSL_CERT_FILE). The jars are
    kept for all that this user runs, in $DTS_JARS (~/.cache/dts/jars). It may be interrupted, and goes on next time.

    \b
      dts infra install
      DTS_MAVEN_URL=https://user:password@maven.example.com/central dts infra install

    Exit codes: 0 all is there · 1 a file is not what it should be · 2 a setting is wrong, or a place can't be written ·
    5 a file can't be fetched, or Java or redis-server is missing; the jars are there then.
    """
    from common.cli.infra_view import downloading, tell
    from common.lab.java.install import install as install_jars
    from common.lab.java.jars import all_jars, default_folder
    from common.lab.java.maven import Maven
    from common.settings import Settings

    settings = Settings.load()
    folder = (settings.jars or default_folder()).absolute()
    maven = Maven.load(settings.maven_url)
    with explained():
        with downloading() as (came, total):
            done = install_jars(all_jars(), folder, maven, came, total)
        tell(done, folder, maven.remote.url, as_json=as_json)


@infra.command(short_help="Start real servers.")
@click.option("-d", "--detach", is_flag=True, help="Return when all of them answer, and leave them running.")
@click.option("--only", type=Roles(), default=ROLES, metavar="LIST", help="Some of redis,zookeeper,kafka.")
@click.option(
    "--zookeepers",
    type=click.Choice(["1", "3"]),
    default="1",
    show_default=True,
    help="How many nodes ZooKeeper has; three go on while one of them is away.",
)
def up(detach: bool, only: tuple[str, ...], zookeepers: str) -> None:
    """Start Redis, ZooKeeper and Kafka, and print how clients reach them, as lines for a shell to evaluate.

    It stays in the foreground, tells what becomes of the servers, and ends them all at Ctrl-C; with -d they go on in
    the background until `dts infra down`. They are ready when each has answered a real request.
    Another DTS_HOME has servers of its own.

    \b
      dts infra up --only redis,zookeeper --zookeepers 3
      eval "$(dts infra up -d)" && redis-cli -u "$DTS_REDIS_URL" ping
      DTS_HOME=.dts/infra dts fault kill zookeeper-2

    Exit codes: 0 up, or ended by Ctrl-C · 1 one did not start (its log is shown, nothing is left) ·
    2 wrong usage, or a home that can't be written · 4 already up · 5 a server, its jars or Java is missing.
    """
    from common.lab.cluster import Cluster
    from common.lab.infra import servers
    from common.lab.profile import Profile

    home, spec = _home(), servers(only, int(zookeepers))
    with _explained(home), ExitStack() as until_the_end:
        if detach:
            with starting(home) as told:
                cluster = Cluster.up(home, spec, Profile.REAL, told=told)
            _print_addresses(cluster)
            note("They go on in the background: `dts infra status` shows them, `dts infra down` ends them.")
            return
        until_the_end.enter_context(signals_as_interrupt())
        with starting(home) as told:
            cluster = until_the_end.enter_context(Cluster.owned(home, spec, Profile.REAL, told=told))
        stay(cluster, _print_addresses, "Ctrl-C ends them all.")
        _take_down(cluster, home)


@infra.command(short_help="Show what `infra up` runs here.")
@json_option
def status(as_json: bool) -> None:
    """Show each server: name, pid, state, address, whether it answers a real request now, and its log.

    \b
      dts infra status --json | jq -r '.[] | select(.answers | not).log'

    Exit codes: 0 all of them answer · 1 some don't · 2 a home that can't be read · 3 nothing is up.
    """
    from common.cli.infra_view import record, show
    from common.lab.cluster import Cluster

    home = _home()
    with _explained(home):
        cluster = Cluster.at(home)
        records = [record(cluster, member) for member in cluster.members()]
    if as_json:
        document(records)
    else:
        show(records)
    if not all(one["answers"] for one in records):
        raise click.exceptions.Exit(Exit.FAILED)


@infra.command(short_help="Print how clients reach what `infra up` runs here.")
@json_option
def env(as_json: bool) -> None:
    """Print the addresses of the servers as lines for a shell to evaluate: DTS_REDIS_URL, DTS_ZOOKEEPER, DTS_KAFKA.

    \b
      eval "$(dts infra env)"

    Exit codes: 0 printed · 2 a home that can't be read · 3 nothing is up.
    """
    from common.lab.cluster import Cluster

    home = _home()
    with _explained(home):
        cluster = Cluster.at(home)
        if as_json:
            document(cluster.environment)
        else:
            _print_addresses(cluster)


@infra.command(short_help="Stop what `infra up` runs here and leave nothing of it.")
@click.option("--keep-data", is_flag=True, help="Keep the servers' data; the next `dts infra up` here goes on with it.")
def down(keep_data: bool) -> None:
    """Stop the servers and remove their files; the jars stay. It also clears up what a crash left.

    \b
      dts infra down
      dts infra down --keep-data      and then: dts infra up

    Exit codes: 0 nothing is left, also where nothing was up · 1 a process can't be ended ·
    2 the files can't be removed.
    """
    from common.lab.cluster import Cluster
    from common.lab.home import Home

    home = Home(_home())
    with _explained(home.path):
        _take_down(Cluster(home), home.path, keep_data=keep_data)
    if home.data.is_dir():
        note(f"Data is kept in {home.data}; the next `dts infra up` here goes on with it.")


def _take_down(cluster: "Cluster", home: Path, *, keep_data: bool = False) -> None:
    take_down(cluster, keep_data=keep_data)
    with suppress(OSError):
        # Where nothing else is in it, as after the `dts down` of a stage.
        home.parent.rmdir()


def _print_addresses(cluster: "Cluster") -> None:
    from common.lab.home import export

    click.echo(export(cluster.environment), nl=False)


def _home() -> Path:
    from common.lab.infra import infra_home
    from common.settings import Settings

    return infra_home(Settings.load().home)


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """As for a stage's cluster, with the commands that help here."""
    from common.lab.errors import AlreadyUp, NotUp

    with explained():
        try:
            yield
        except AlreadyUp as error:
            raise Refused(
                f"servers are up already in {home}: `dts infra status` shows them, `dts infra down` ends them, "
                "and DTS_HOME=<directory> makes room for others beside them"
            ) from error
        except NotUp as error:
            raise NotFound(f"no server is up in {home}; `dts infra up -d` starts them") from error
