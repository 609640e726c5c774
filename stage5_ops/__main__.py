"""Stage 5 put together: stage 4, and beside each of its roles what an operator needs, on one page.

every role  →  GET /metrics  ←  Prometheus, which asks task-api's /metrics/targets where they all are
a browser   →  task-api's /  →  RPC →  a task-manager, which looks around: store, registry, bus, dead letters
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from redis import Redis

from common import running
from common.domain.errors import DtsError
from common.logs import Format
from common.registries.choose import registry_of
from common.rpc.providers import TASK_MANAGER
from common.rpc.server import RpcServer
from common.running import Signals
from common.service import Host, Service
from common.settings import Settings
from common.store.bell import Bell
from common.store.leases import Leases
from common.transports.choose import bus_of
from common.transports.dead_letters import dead_letters_of
from common.transports.kafka_access import kafka_access
from common.transports.redis_client import connect
from common.transports.redis_list import RedisListQueue
from stage1_mvp.agent import Agent
from stage1_mvp.boot import Boot
from stage1_mvp.command import Stopped, agent_options, be_agent
from stage1_mvp.equipment import Equipment
from stage1_mvp.inherit import Inherit
from stage1_mvp.intake import Intake, decode, encode
from stage1_mvp.lease import LeaseKeeper
from stage1_mvp.reporter import Reporter
from stage1_mvp.scans import Expire, Promote, Purge
from stage1_mvp.tether import Tether
from stage2_zk.assigner import Assigner
from stage2_zk.choices import Choices
from stage2_zk.live import Live
from stage2_zk.presence import Presence
from stage2_zk.scans.crashing import Crashing
from stage2_zk.scans.lost import Lost
from stage2_zk.scans.overdue import Overdue
from stage2_zk.scans.stuck import Stuck
from stage2_zk.scheduler_boot import SchedulerBoot
from stage2_zk.tenure import Tenure
from stage2_zk.told import Told
from stage3_kafka.heart import Condition, Heart
from stage3_kafka.listener import Listener
from stage3_kafka.load import Load
from stage3_kafka.manager import LogWriter, Manager
from stage3_kafka.manager_boot import ManagerBoot
from stage3_kafka.pulse import Pulse
from stage3_kafka.report import BusReport
from stage3_kafka.scans.commands import Commands
from stage3_kafka.scans.inventory import Inventory
from stage3_kafka.scans.relief import Relief
from stage3_kafka.scans.silent import Silent
from stage3_kafka.scans.ways import Janitor, Warm
from stage4_api.ask import ask
from stage4_api.gate import GatedInbox
from stage4_api.manager_service import RemoteGate, methods
from stage4_api.managers import Managers
from stage4_api.provider import Provider
from stage4_api.store_service import StoreService
from stage4_api.surroundings import Places, Surroundings
from stage5_ops.metrics.agent import AgentFigures, MeteredReport
from stage5_ops.metrics.endpoint import Endpoint
from stage5_ops.metrics.figures import LogFigures, figures
from stage5_ops.metrics.manager import CallFigures, MeteredQueue, Survey
from stage5_ops.metrics.scheduler import LeaderFigures
from stage5_ops.metrics.store import StoreFigures, TaskTimes

if TYPE_CHECKING:
    from stage4_api.api_boot import ApiBoot

log = logging.getLogger("dts.stage5")
LOGS: Format = "json"
"""How it logs where DTS_LOG_FORMAT does not say, and nobody looks on at a terminal."""


def compose_agent(settings: Settings, client: Callable[..., Redis], signals: Signals, tether: Tether) -> Boot:
    """Wire one boot of an agent. `client` makes a client of the settings' Redis; it takes the options of `connect`."""
    own = Equipment(settings, client, tether)
    agent, boot, runs, clock = own.agent, own.boot, own.runs, own.clock
    answer_within = max(0.2, settings.lease / 10)
    registry = registry_of(settings, client, clock)
    own.clients.callback(registry.close)
    bus = bus_of(settings, client, own.ids, agent)
    own.clients.callback(bus.close)
    managers = Managers(settings, registry, clock)
    own.clients.callback(managers.close)
    bus_report, told = BusReport(bus.status(), bus.logs(), agent, boot), Told()
    measures = figures("agent", agent)
    seen = AgentFigures(measures, clock, runs, told, settings)
    report = MeteredReport(bus_report, seen)
    listener = Listener(bus.inbox(agent), told, runs, report, (agent, boot))
    presence = Presence(
        registry,
        agent,
        info=own.about,
        stop=signals.stop,
        hand_back=listener.hand_back,
        hears=listener.hears,
    )
    lease = LeaseKeeper(
        Leases(own.connected(repeats=0, answer_within=answer_within), own.keys),
        own.holder,
        clock,
        answer_within=answer_within,
        lost=own.end_all,
        promise=seen.promising(tether.promise),
        also=lambda: presence.proved_until,
    )
    condition = Condition(agent, boot, settings.slots, runs, told, bus_report, listener, Load(tether.pid))
    host = Host(
        # Started from first to last, stopped from last to first: while tasks are drained, the lease is
        # renewed, the heart beats, cancels arrive, ends are reported, and what is given all the same is handed back.
        [
            LogFigures(measures),
            Endpoint(measures, settings, registry, clock, ("agent", agent, boot)),
            lease,
            Heart(bus, condition.beat, settings.heartbeat, clock),
            Reporter(runs, report, own.spool, clock, signals.hurry),
            Inherit(own.workplace, own.spool, report),
            listener,
            presence,
            Agent(
                GatedInbox(told, RemoteGate(managers), report, agent, boot),
                runs,
                own.executors,
                slots=settings.slots,
                drain=settings.drain,
                stop=signals.stop,
                hurry=signals.hurry,
            ),
        ],
        clock,
    )
    return Boot(own, lease, host, f"{settings.slots} slots, waiting for dispatches")


def compose_scheduler(settings: Settings, client: Callable[..., Redis]) -> SchedulerBoot:
    """Wire one scheduler; `client` as above. What it does while it leads is made anew for each term."""
    own = SchedulerBoot(settings, client)
    measures = figures("scheduler", settings.scheduler)
    seen, witness = LeaderFigures(measures), StoreFigures(measures)
    store, clock, keys = own.store(own.connected(), witness), own.clock, own.keys
    bus = bus_of(settings, client, own.ids, settings.scheduler)
    own.closing(bus.close)
    orders = bus.orders()
    listening, taking = own.connected(blocking=True), own.connected(blocking=True)

    def duties(tenure: Tenure) -> Sequence[Service]:
        live = Live(own.registry, store.leases, clock)
        pulse = Pulse(bus, store, tenure.by, clock)
        choices = Choices(store, live.agents, own.strategies(), settings.strategy, clock, busy=pulse.busy)
        # One consumer, whoever leads: what a leader that died has taken comes to the next one.
        pushed = RedisListQueue(taking, keys, keys.tasks_queue, "leader", ids=own.ids, encode=encode, decode=decode)
        return [
            live,
            seen.reign(tenure, live.agents),
            pulse,
            Warm(orders, agents=live.agents),
            Lost(store, own.registry, tenure, agents=live.agents),
            Stuck(store, orders, tenure, spare=pulse.may_have),
            Inventory(store, orders, tenure, pulse, clock),
            Commands(store, orders, pulse, clock),
            Relief(orders, pulse, agents=live.agents, clock=clock),
            Overdue(store, tenure, grace=settings.grace),
            Crashing(store, tenure, agents=live.agents, clock=clock),
            Silent(store, tenure, pulse, agents=live.agents, clock=clock),
            Janitor(bus, store, agents=live.agents, after=settings.forget, clock=clock),
            Promote(store, tenure.by),
            Expire(store, tenure.by),
            Purge(store, tenure.by),
            Intake(pushed, store, tenure.by, own.ids),
            Assigner(store, orders, tenure, choices=choices, bell=Bell(listening, keys).wait, clock=clock),
        ]

    me = ("scheduler", settings.scheduler, own.ids.new())
    own.serve(duties, [LogFigures(measures), Endpoint(measures, settings, own.registry, clock, me)])
    return own


def compose_manager(settings: Settings, client: Callable[..., Redis]) -> ManagerBoot:
    """Wire one task-manager; `client` as above."""
    own = ManagerBoot(settings, client)
    manager, measures = settings.manager, figures("manager", settings.manager)
    store = own.store(own.connected(), TaskTimes(measures, StoreFigures(measures)))
    letters = partial(dead_letters_of, own.connected(), own.keys, settings.kafka, kafka_access(settings))
    around = Surroundings(Places(own.registry, own.bus, letters, settings), own.clock)
    answers = CallFigures(measures).measured(methods(StoreService(store, own.ids, around, manager), store))
    rpc = RpcServer(settings.rpc_listen, settings.rpc_secret, TASK_MANAGER, answers, own.clock, tls=own.rpc_tls)
    own.serve(
        [
            LogFigures(measures),
            Endpoint(measures, settings, own.registry, own.clock, ("manager", manager, own.ids.new())),
            Survey(measures, store, own.bus, own.clock),
            LogWriter(own.bus.logs(manager), store, manager),
            Manager(MeteredQueue(own.bus.status(manager), measures), store, manager, own.clock, gated=True),
            *around.lookouts,
            rpc,
            # Last: it is found when it answers, and not found any more before it stops answering.
            Provider(own.registry, TASK_MANAGER, settings.rpc_advertise or rpc.address, manager, own.ids.new()),
        ]
    )
    return own


def compose_api(settings: Settings, client: Callable[..., Redis]) -> "ApiBoot":
    """Wire one task-api; `client` as above, for a registry that is in Redis."""
    # Only who serves HTTP pays for loading what that takes.
    from stage4_api.api.app import create_app
    from stage4_api.api.server import ApiServer
    from stage4_api.api_boot import ApiBoot
    from stage5_ops.console.blueprint import add_to as add_console
    from stage5_ops.metrics.api import RequestFigures, routes

    own = ApiBoot(settings, client)
    measures = figures("api", settings.api)
    more = routes(measures, own.registry)
    app = create_app(own.service, settings, own.clock, own.ids, ready=own.ready, more=more)
    RequestFigures(measures).watch(app)
    add_console(app, settings)
    me = ("api", settings.api, own.ids.new())
    endpoint = Endpoint(measures, settings, own.registry, own.clock, me)
    own.serve(ApiServer(app, settings), LogFigures(measures), endpoint)
    return own


def run(settings: Settings, client: Callable[..., Redis], signals: Signals, tether: Tether) -> None:
    """Be an agent until `signals.stop`; an agent that lost its lease comes back as a new boot."""
    running.run(lambda: compose_agent(settings, client, signals, tether), signals)
    log.info("stopped", extra={"agent": settings.agent})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Stage 5 of dts: all that stage 4 is, every role tells Prometheus its figures, and the API has a console at /.

    The bus is Kafka where DTS_KAFKA names one, else lists in Redis. Who lives and who leads is kept in ZooKeeper where
    DTS_ZOOKEEPER names one, else in Redis. Settings come from DTS_* in the environment; flags override them.

    Each process serves GET /metrics at DTS_METRICS_LISTEN, on this machine alone unless that says otherwise.
    """


_SERVERS = (
    click.option("--redis-url", help="The Redis that holds the tasks.  [default: $DTS_REDIS_URL]"),
    click.option("--zookeeper", help="ZooKeeper, like zk1:2181,zk2:2181/dts.  [default: $DTS_ZOOKEEPER, else Redis]"),
    click.option("--kafka", help="Kafka, like kafka1:9092,kafka2:9092.  [default: $DTS_KAFKA, else Redis]"),
    click.option("--session", type=float, help="Seconds of silence after which another takes over.  [default: 10]"),
)


def _be(who: str, compose: Callable[[Settings, Callable[..., Redis]], running.Boot], **flags: Any) -> None:
    try:
        settings = Settings.load(**flags)
        running.check_redis(settings)
        signals = running.start(settings, log, who, log_form=LOGS)
        running.run(lambda: compose(settings, partial(connect, settings.redis_url)), signals)
    except DtsError as error:
        raise Stopped(str(error)) from error
    log.info("stopped: %s", who)


@main.command()
@agent_options
@_SERVERS[1]
@_SERVERS[2]
def agent(*, fence: bool, **flags: Any) -> None:
    """Run an agent: registers, runs what the leading scheduler dispatches to it, and tells what becomes of it.

    SIGTERM or Ctrl-C stops it: it hands back what it has not started, lets its running tasks end, then goes. A second
    one ends those at once and hands them back.

    It runs behind a fence, a small parent process that ends its tasks if it freezes or dies, and starts it again.

    \b
      DTS_REDIS_URL=redis://127.0.0.1:6379/0 python -m stage5_ops agent --id agent-1
    """
    be_agent(run, fence=fence, log_form=LOGS, **flags)


@main.command()
@click.option("--id", "scheduler", help="The scheduler's id; no two share one.  [default: the host's name]")
@_SERVERS[0]
@_SERVERS[1]
@_SERVERS[2]
@_SERVERS[3]
def scheduler(**flags: Any) -> None:
    """Run a scheduler: stands for election, and gives the tasks out while it leads. Run two or more.

    SIGTERM or Ctrl-C stops it: it gives the office up at once, and another leads.

    \b
      DTS_REDIS_URL=redis://127.0.0.1:6379/0 python -m stage5_ops scheduler --id scheduler-1
    """
    _be("scheduler", compose_scheduler, **flags)


@main.command()
@click.option("--id", "manager", help="The manager's id; no two share one.  [default: the host's name]")
@_SERVERS[0]
@_SERVERS[1]
@_SERVERS[2]
@_SERVERS[3]
def manager(**flags: Any) -> None:
    """Run a task-manager: answers task-api and agents by RPC, and applies what agents tell. Run two or more.

    They, the task-apis and the agents prove to each other that they know DTS_RPC_SECRET; it has no default.

    SIGTERM or Ctrl-C stops it: what it has begun is applied, and the others take over its part.

    \b
      DTS_REDIS_URL=redis://127.0.0.1:6379/0 python -m stage5_ops manager --id manager-1
    """
    _be("manager", compose_manager, **flags)


@main.command()
@click.option("--id", "api", help="The task-api's id, as logs and histories name it.  [default: the host's name]")
@click.option("--listen", "api_listen", help="Where it serves.  [default: $DTS_API_LISTEN, else 127.0.0.1:8080]")
@_SERVERS[0]
@_SERVERS[1]
@_SERVERS[3]
def api(**flags: Any) -> None:
    """Run a task-api: the REST API, for which it asks the task-managers. Run several behind any balancer.

    It lets in whoever has a token of the file DTS_API_TOKENS (`dts token new` makes one), or DTS_API_TOKEN itself.
    Without either everybody on this machine is let in, and it serves nobody else. GET /docs shows what it can, / is a
    console for people.

    SIGTERM or Ctrl-C stops it: what it has begun is answered first.

    \b
      DTS_REDIS_URL=redis://127.0.0.1:6379/0 python -m stage5_ops api --listen 127.0.0.1:8080
    """
    _be("api", compose_api, **flags)


main.add_command(ask)

if __name__ == "__main__":
    main(prog_name="python -m stage5_ops")
