"""Stage 2 put together: schedulers, one of which leads, and agents, on one page.

dts submit …  →  task:<id> PENDING  →  the scheduler that leads  →  queue:agent:<id>  →  agent  →  task:<id> SUCCESS
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click
from redis import Redis

from common import running
from common.domain.errors import DtsError
from common.domain.messages import Dispatch
from common.registries.choose import registry_of
from common.running import Signals
from common.service import Host, Service
from common.settings import Settings
from common.store.bell import Bell
from common.store.leases import Leases
from common.transports.redis_client import connect
from common.transports.redis_dispatch import RedisDispatches
from common.transports.redis_list import RedisListQueue
from stage1_mvp.agent import Agent
from stage1_mvp.boot import Boot
from stage1_mvp.command import Stopped, agent_options, be_agent
from stage1_mvp.control import Control
from stage1_mvp.equipment import Equipment
from stage1_mvp.inherit import Inherit
from stage1_mvp.intake import Intake, decode, encode
from stage1_mvp.lease import LeaseKeeper
from stage1_mvp.reporter import Reporter, StoreReport
from stage1_mvp.scans import Expire, Promote, Purge, Recover
from stage1_mvp.tether import Tether
from stage2_zk.assigner import Assigner
from stage2_zk.choices import Choices
from stage2_zk.inbox import DispatchInbox
from stage2_zk.live import Live
from stage2_zk.presence import HandBack, Presence
from stage2_zk.scans.crashing import Crashing
from stage2_zk.scans.lost import Lost
from stage2_zk.scans.overdue import Overdue
from stage2_zk.scans.stuck import Stuck
from stage2_zk.scheduler_boot import SchedulerBoot
from stage2_zk.tenure import Tenure

log = logging.getLogger("dts.stage2")


def compose_agent(settings: Settings, client: Callable[..., Redis], signals: Signals, tether: Tether) -> Boot:
    """Wire one boot of an agent. `client` makes a client of the settings' Redis; it takes the options of `connect`."""
    own = Equipment(settings, client, tether)
    agent, boot, runs, clock = own.agent, own.boot, own.runs, own.clock
    store, answer_within = own.store(own.connected()), max(0.2, settings.lease / 10)
    registry = registry_of(settings, client, clock)
    own.clients.callback(registry.close)
    presence = Presence(registry, agent, info=own.about, stop=signals.stop, hand_back=HandBack(store, agent, boot))
    lease = LeaseKeeper(
        Leases(own.connected(repeats=0, answer_within=answer_within), own.keys),
        own.holder,
        clock,
        answer_within=answer_within,
        lost=own.end_all,
        promise=tether.promise,
        also=lambda: presence.proved_until,
    )
    dispatched = RedisListQueue(
        own.connected(blocking=True),
        own.keys,
        own.keys.agent_queue(agent),
        agent,
        ids=own.ids,
        encode=Dispatch.encode,
        decode=Dispatch.decode,
    )
    report = StoreReport(store, agent)
    inherit = Inherit(own.workplace, own.spool, report)
    host = Host(
        # Started from first to last, stopped from last to first: while tasks are drained, the lease is
        # renewed, cancels arrive, ends are reported, and what is given all the same is handed back.
        [
            lease,
            Control(own.connected(), store, agent, runs, clock),
            Reporter(runs, report, own.spool, clock, signals.hurry),
            inherit,
            Recover(store, agent, boot, inherit.done),
            presence,
            Agent(
                DispatchInbox(dispatched, store, agent, boot, held=runs.keys, clock=clock),
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
    store, clock, keys = own.store(own.connected()), own.clock, own.keys
    dispatches = RedisDispatches(own.connected(), keys)
    listening, taking = own.connected(blocking=True), own.connected(blocking=True)

    def duties(tenure: Tenure) -> Sequence[Service]:
        live = Live(own.registry, store.leases, clock)
        choices = Choices(store, live.agents, own.strategies(), settings.strategy, clock)
        # One consumer, whoever leads: what a leader that died has taken comes to the next one.
        pushed = RedisListQueue(taking, keys, keys.tasks_queue, "leader", ids=own.ids, encode=encode, decode=decode)
        return [
            live,
            Lost(store, own.registry, tenure, agents=live.agents),
            Stuck(store, dispatches, tenure),
            Overdue(store, tenure, grace=settings.grace),
            Crashing(store, tenure, agents=live.agents, clock=clock),
            Promote(store, tenure.by),
            Expire(store, tenure.by),
            Purge(store, tenure.by),
            Intake(pushed, store, tenure.by, own.ids),
            Assigner(store, dispatches, tenure, choices=choices, bell=Bell(listening, keys).wait, clock=clock),
        ]

    own.serve(duties)
    return own


def run(settings: Settings, client: Callable[..., Redis], signals: Signals, tether: Tether) -> None:
    """Be an agent until `signals.stop`; an agent that lost its lease comes back as a new boot."""
    running.run(lambda: compose_agent(settings, client, signals, tether), signals)
    log.info("stopped", extra={"agent": settings.agent})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Stage 2 of dts: several agents, and schedulers that elect one of them to give the tasks out.

    Who lives and who leads is kept in ZooKeeper where DTS_ZOOKEEPER names one, else in Redis. Settings come from
    DTS_* in the environment; flags override them.
    """


@main.command()
@agent_options
@click.option("--zookeeper", help="ZooKeeper, like zk1:2181,zk2:2181/dts.  [default: $DTS_ZOOKEEPER, else Redis]")
def agent(*, fence: bool, **flags: Any) -> None:
    """Run an agent: registers, and runs what the leading scheduler dispatches to it.

    SIGTERM or Ctrl-C stops it: it hands back what it has not started, lets its running tasks end, then goes. A second
    one ends those at once and hands them back.

    It runs behind a fence, a small parent process that ends its tasks if it freezes or dies, and starts it again.

    \b
      DTS_REDIS_URL=redis://127.0.0.1:6379/0 python -m stage2_zk agent --id agent-1
    """
    be_agent(run, fence=fence, **flags)


@main.command()
@click.option("--id", "scheduler", help="The scheduler's id; no two share one.  [default: the host's name]")
@click.option("--redis-url", help="The Redis that holds the tasks.  [default: $DTS_REDIS_URL]")
@click.option("--zookeeper", help="ZooKeeper, like zk1:2181,zk2:2181/dts.  [default: $DTS_ZOOKEEPER, else Redis]")
@click.option("--session", type=float, help="Seconds of silence after which another takes over.  [default: 10]")
def scheduler(**flags: Any) -> None:
    """Run a scheduler: stands for election, and gives the tasks out while it leads. Run two or more.

    SIGTERM or Ctrl-C stops it: it gives the office up at once, and another leads.

    \b
      DTS_REDIS_URL=redis://127.0.0.1:6379/0 python -m stage2_zk scheduler --id scheduler-1
    """
    try:
        settings = Settings.load(**flags)
        running.check_redis(settings)
        signals = running.start(settings, log, "scheduler")
        running.run(lambda: compose_scheduler(settings, partial(connect, settings.redis_url)), signals)
    except DtsError as error:
        raise Stopped(str(error)) from error
    log.info("stopped", extra={"scheduler": settings.scheduler})


if __name__ == "__main__":
    main(prog_name="python -m stage2_zk")
