"""Stage 1 put together: everything that makes up its one process, on one page.

redis-cli LPUSH queue:tasks '{…}'  →  intake  →  task:<id> PENDING  →  agent  →  task:<id> SUCCESS
"""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import click
from redis import Redis

from common import logs
from common.clock import SystemClock
from common.domain.errors import BadSetting, DtsError, Unavailable
from common.domain.ids import Ids
from common.domain.result import Reason
from common.executors.best import BestEnclosures
from common.executors.context import ExecutorContext
from common.executors.enclosure import TaskLimits
from common.executors.leftovers import kill_marked
from common.executors.lookup import load_executors
from common.service import Host
from common.settings import Settings
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import Limits, TaskStore
from common.transports.redis_client import connect, refuse_unfit
from common.transports.redis_list import RedisListQueue
from stage1_mvp.agent import Agent
from stage1_mvp.control import Control
from stage1_mvp.inbox import SelfAssign
from stage1_mvp.intake import Intake, decode, encode
from stage1_mvp.lease import Holder, LeaseKeeper
from stage1_mvp.reporter import Reporter, StoreReport
from stage1_mvp.runs import Runs
from stage1_mvp.scans import Promote, Purge, Recover
from stage1_mvp.spool import Spool
from stage1_mvp.tether import Tether, tie
from stage1_mvp.workplace import Workplace

log = logging.getLogger("dts.agent")

DIED = 70
"""Exit code of an agent whose fence is gone."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the outside tells the process: `stop` drains, `hurry` ends what still runs."""

    stop: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Boot:
    """One life of the agent, wired; `lost` is set when its lease can't be proved any more."""

    lease: LeaseKeeper
    workplace: Workplace
    enclosures: BestEnclosures
    host: Host
    lost: threading.Event
    clients: ExitStack

    def begin(self, pause: Callable[[float], bool]) -> bool:
        """Take the lease, then start all; returns False if `pause`, which waits about so many seconds, says to give up.

        Raises DuplicateAgent.
        """
        if not self.lease.acquire(pause):
            return False
        self.enclosures.open()
        self.workplace.open(self.enclosures.bases)
        self.host.start()
        return True

    def end(self) -> None:
        """Stop all in order, the lease last; waits for its running tasks as its settings say."""
        self.host.stop()
        self.enclosures.close()
        self.workplace.remove()
        self.clients.close()

    def abandon(self) -> None:
        """Stop as if the process had died: nothing is finished, and what its tasks started goes on."""
        self.host.abandon()
        self.workplace.leave()


def compose(settings: Settings, client: Callable[..., Redis], signals: Signals, tether: Tether) -> Boot:
    """Wire one boot. `client` makes a client of the settings' Redis; it takes the options of `connect`."""
    clock, keys = SystemClock(), Keys(settings.namespace)
    ids = Ids(clock)
    agent, boot = settings.agent, ids.new()
    limits = Limits(pending=settings.pending_bound, lost=settings.max_lost, retention=settings.retention)
    clients = ExitStack()

    def connected(**options: Any) -> Redis:
        return clients.enter_context(closing(client(**options)))

    redis, claiming = connected(), connected(blocking=True)
    store = TaskStore(redis, keys, limits)
    workplace = Workplace((settings.work_dir or settings.home / "work") / agent, boot)
    task_limits = TaskLimits(settings.task_memory, settings.task_processes)
    enclosures = BestEnclosures(boot, tether.fence, task_limits, groups=settings.cgroups == "auto")
    executors = load_executors(
        settings.executors,
        ExecutorContext(
            work_dir=workplace.path,
            passthrough=settings.env_passthrough,
            grace=settings.grace,
            python=settings.python or sys.executable,
            enclosures=enclosures,
        ),
    )
    runs, lost = Runs(), threading.Event()
    report, spool = StoreReport(store, agent), Spool(settings.home / "spool" / agent, boot)

    def end_this_boot() -> None:
        # From here on another may start these tasks: nothing of them may go on, not even in a grace.
        runs.end_all(Reason.FENCED)
        lost.set()
        kill_marked({"DTS_BOOT": boot}, spare=os.getpid())
        if runs.wait_idle(settings.lease):
            # Nor can anything start again: what is still granted is ended before it begins.
            tether.nothing_runs()

    def die() -> None:
        # Nobody could end our tasks if we froze now. They end here; all else is as if we had been killed.
        runs.fall_silent()
        end_this_boot()
        os._exit(DIED)

    info: dict[str, str | int] = {
        "host": socket.gethostname(),
        "pid": tether.pid,
        "slots": settings.slots,
        "types": ",".join(executors),
    }
    answer_within = max(0.2, settings.lease / 10)
    lease = LeaseKeeper(
        Leases(connected(repeats=0, answer_within=answer_within), keys),
        Holder(agent, boot, info, settings.lease),
        clock,
        answer_within=answer_within,
        lost=end_this_boot,
        promise=tether.promise,
    )
    inbox = SelfAssign(TaskStore(claiming, keys, limits), claiming, agent, boot, held=runs.keys, clock=clock)
    pushed = RedisListQueue(
        connected(blocking=True), keys, keys.tasks_queue, agent, ids=ids, encode=encode, decode=decode
    )
    host = Host(
        # Started from first to last, stopped from last to first: while tasks are drained, the lease is
        # renewed, cancels arrive and ends are reported.
        [
            lease,
            Control(connected(), store, agent, runs, clock),
            Reporter(runs, report, spool, clock, signals.hurry),
            Purge(store, agent),
            Promote(store, agent),
            Recover(store, agent, boot, workplace=workplace, replay=lambda: spool.replay(report)),
            Agent(
                inbox,
                runs,
                executors,
                slots=settings.slots,
                drain=settings.drain,
                stop=signals.stop,
                hurry=signals.hurry,
            ),
            Intake(pushed, store, agent, ids),
        ],
        clock,
    )
    tether.when_cut(die)
    return Boot(lease, workplace, enclosures, host, lost, clients)


def run(settings: Settings, client: Callable[..., Redis], signals: Signals, tether: Tether) -> None:
    """Be an agent until `signals.stop`; an agent that lost its lease comes back as a new boot."""
    while not signals.stop.is_set():
        boot = compose(settings, client, signals, tether)
        if not boot.begin(signals.stop.wait):
            break
        log.info("ready: %d slots, listening on queue:tasks", settings.slots, extra={"agent": settings.agent})
        while not (signals.stop.wait(0.1) or boot.lost.is_set()):
            pass
        boot.end()
    log.info("stopped", extra={"agent": settings.agent})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Stage 1 of dts: one Redis, one agent. Settings come from DTS_* in the environment; flags override them."""


@main.command()
@click.option("--id", "agent", help="The agent's id; two live agents never share one.  [default: the host's name]")
@click.option("--redis-url", help="The Redis that holds the tasks.  [default: $DTS_REDIS_URL]")
@click.option("--slots", type=int, help="Tasks run at once.  [default: twice the cores]")
@click.option("--lease", type=float, help="Seconds of silence after which the agent counts as lost.  [default: 15]")
@click.option("--drain", type=float, help="Seconds that a stopping agent waits for its running tasks.  [default: 60]")
@click.option("--task-memory", help="How much memory a task may use, like 512MiB.  [default: no limit]")
@click.option("--task-processes", type=int, help="How many processes a task may have.  [default: no limit]")
@click.option("--fence/--no-fence", default=True, help="Whether a parent process ends its tasks when it can't.")
def agent(*, fence: bool, **flags: Any) -> None:
    """Run the agent: takes tasks pushed into queue:tasks and runs them.

    SIGTERM or Ctrl-C stops it: it takes nothing new, lets its tasks end, then goes. A second one ends the
    tasks at once and hands them back.

    It runs behind a fence, a small parent process that ends its tasks if it freezes or dies, and starts it again.

    \b
      DTS_REDIS_URL=redis://127.0.0.1:6379/0 python -m stage1_mvp agent --id agent-1
      redis-cli LPUSH queue:tasks '{"name":"hello","type":"SHELL","content":"echo hi"}'
    """
    try:
        settings = Settings.load(**flags)
        if not settings.redis_url:
            raise BadSetting("no Redis is named; set DTS_REDIS_URL or give --redis-url redis://127.0.0.1:6379/0")
        # What is wrong with them is said now, not when Redis can be reached at last.
        connect(settings.redis_url).close()
        load_executors(settings.executors, ExecutorContext(settings.home))
        tether = tie() if fence else Tether()
        logs.to_stderr(settings.log_level)
        signals = Signals()
        _obey(signals)
        _await_fit(settings, signals)
        run(settings, lambda **options: connect(settings.redis_url, **options), signals, tether)
    except DtsError as error:
        raise click.ClickException(str(error)) from error


def _await_fit(settings: Settings, signals: Signals) -> None:
    """Wait for a Redis that is away; raises UnfitServer where it would lose tasks."""
    said = False
    while not signals.stop.is_set():
        try:
            with connect(settings.redis_url) as client:
                refuse_unfit(client, settings.durability)
            return
        except Unavailable as error:
            if not said:
                log.warning("waiting: %s", error)
            said = True
            signals.stop.wait(0.3)


def _obey(signals: Signals) -> None:
    """The first SIGTERM or SIGINT sets `stop`, the second `hurry`."""
    received: SimpleQueue[int] = SimpleQueue()

    def pass_on() -> None:
        received.get()
        signals.stop.set()
        received.get()
        signals.hurry.set()

    threading.Thread(target=pass_on, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Not Event.set here: the handler may run while the main thread holds that very event's lock.
        signal.signal(number, lambda number, _: received.put(number))


if __name__ == "__main__":
    main(prog_name="python -m stage1_mvp")
