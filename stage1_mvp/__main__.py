"""Stage 1 put together: everything that makes up its one process, on one page.

redis-cli LPUSH queue:tasks '{…}'  →  intake  →  task:<id> PENDING  →  agent  →  task:<id> SUCCESS
"""

import logging
from collections.abc import Callable
from typing import Any

import click
from redis import Redis

from common import running
from common.running import Signals
from common.service import Host
from common.settings import Settings
from common.store.leases import Leases
from common.transports.redis_list import RedisListQueue
from stage1_mvp.agent import Agent
from stage1_mvp.boot import Boot
from stage1_mvp.command import agent_options, be_agent
from stage1_mvp.control import Control
from stage1_mvp.equipment import Equipment
from stage1_mvp.inbox import SelfAssign
from stage1_mvp.inherit import Inherit
from stage1_mvp.intake import Intake, decode, encode
from stage1_mvp.lease import LeaseKeeper
from stage1_mvp.reporter import Reporter, StoreReport
from stage1_mvp.scans import Expire, Promote, Purge, Recover
from stage1_mvp.tether import Tether

log = logging.getLogger("dts.agent")


def compose(settings: Settings, client: Callable[..., Redis], signals: Signals, tether: Tether) -> Boot:
    """Wire one boot. `client` makes a client of the settings' Redis; it takes the options of `connect`."""
    own = Equipment(settings, client, tether)
    agent, boot, runs, clock = own.agent, own.boot, own.runs, own.clock
    store, answer_within = own.store(own.connected()), max(0.2, settings.lease / 10)
    lease = LeaseKeeper(
        Leases(own.connected(repeats=0, answer_within=answer_within), own.keys),
        own.holder,
        clock,
        answer_within=answer_within,
        lost=own.end_all,
        promise=tether.promise,
    )
    claiming = own.connected(blocking=True)
    inbox = SelfAssign(own.store(claiming), claiming, agent, boot, held=runs.keys, clock=clock)
    pushed = RedisListQueue(
        own.connected(blocking=True), own.keys, own.keys.tasks_queue, agent, ids=own.ids, encode=encode, decode=decode
    )
    report = StoreReport(store, agent)
    inherit = Inherit(own.workplace, own.spool, report)
    host = Host(
        # Started from first to last, stopped from last to first: while tasks are drained, the lease is
        # renewed, cancels arrive and ends are reported.
        [
            lease,
            Control(own.connected(), store, agent, runs, clock),
            Reporter(runs, report, own.spool, clock, signals.hurry),
            Purge(store, agent),
            Promote(store, agent),
            Expire(store, agent),
            inherit,
            Recover(store, agent, boot, inherit.done),
            Agent(
                inbox,
                runs,
                own.executors,
                slots=settings.slots,
                drain=settings.drain,
                stop=signals.stop,
                hurry=signals.hurry,
            ),
            Intake(pushed, store, agent, own.ids),
        ],
        clock,
    )
    return Boot(own, lease, host, f"{settings.slots} slots, listening on queue:tasks")


def run(settings: Settings, client: Callable[..., Redis], signals: Signals, tether: Tether) -> None:
    """Be an agent until `signals.stop`; an agent that lost its lease comes back as a new boot."""
    running.run(lambda: compose(settings, client, signals, tether), signals)
    log.info("stopped", extra={"agent": settings.agent})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Stage 1 of dts: one Redis, one agent. Settings come from DTS_* in the environment; flags override them."""


@main.command()
@agent_options
def agent(*, fence: bool, **flags: Any) -> None:
    """Run the agent: takes tasks pushed into queue:tasks and runs them.

    SIGTERM or Ctrl-C stops it: it takes nothing new, lets its tasks end, then goes. A second one ends the
    tasks at once and hands them back.

    It runs behind a fence, a small parent process that ends its tasks if it freezes or dies, and starts it again.

    \b
      DTS_REDIS_URL=redis://127.0.0.1:6379/0 python -m stage1_mvp agent --id agent-1
      redis-cli LPUSH queue:tasks '{"name":"hello","type":"SHELL","content":"echo hi"}'
    """
    be_agent(run, fence=fence, **flags)


if __name__ == "__main__":
    main(prog_name="python -m stage1_mvp")
