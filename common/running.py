"""Around the work of every process: signals, waiting for a Redis that is fit, one boot after another."""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol

from common import logs
from common.domain.errors import BadSetting, Unavailable
from common.settings import Settings
from common.transports.redis_client import connect, refuse_unfit

TURN = 0.0005
"""Seconds that a thread may compute while others wait for their turn. By default it is ten times that: a task's way
through a process goes by several threads, each of which would wait for whatever a scan has to compute just then.
"""
NOTICED = 0.25
"""Seconds within which it is noticed that a boot is lost."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the outside tells the process: `stop` drains, `hurry` ends what still runs."""

    stop: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)

    def obey(self) -> None:
        """From now on the first SIGTERM or SIGINT sets `stop`, the second `hurry`. Called in the main thread."""
        received: SimpleQueue[int] = SimpleQueue()

        def pass_on() -> None:
            received.get()
            self.stop.set()
            received.get()
            self.hurry.set()

        threading.Thread(target=pass_on, name="signals", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Not Event.set here: the handler may run while the main thread holds that very event's lock.
            signal.signal(number, lambda number, _: received.put(number))


class Boot(Protocol):
    """One life of a process, wired."""

    @property
    def lost(self) -> threading.Event:
        """Set when it may not go on: it has to be ended, and another takes its place."""
        ...

    def begin(self, pause: Callable[[float], bool]) -> bool:
        """Start; returns False if `pause`, which waits about so many seconds, says to give up."""
        ...

    def end(self) -> None:
        """Stop in good order; waits for running tasks as long as the settings say."""
        ...

    def abandon(self) -> None:
        """Stop as if the process had died; what its tasks started goes on."""
        ...


def run(boot: Callable[[], Boot], signals: Signals) -> None:
    """Run one boot after another until `signals.stop`: one that is lost is ended, and the next one takes its place."""
    while not signals.stop.is_set():
        current = boot()
        if not current.begin(signals.stop.wait):
            break
        while not (signals.stop.wait(NOTICED) or current.lost.is_set()):
            pass
        current.end()


def say(settings: Settings, role: str, *, log_form: logs.Format = "text") -> None:
    """From here on this process logs to stderr, under the pid that it has now.

    Lines in JSON tell its role and its member's name, which is the setting of that name. `log_form` is the format
    where the settings name none.
    """
    speaker = logs.Speaker(role, getattr(settings, role, ""), settings.secrets())
    logs.to_stderr(settings.log_level, logs.form_of(settings.log_format, log_form), speaker)


def start(settings: Settings, log: logging.Logger, role: str = "", *, log_form: logs.Format = "text") -> Signals:
    """Be a process from here on: log as `say` says, obey signals, wait for a Redis that is fit. Raises UnfitServer."""
    say(settings, role, log_form=log_form)
    sys.setswitchinterval(TURN)
    signals = Signals()
    signals.obey()
    await_fit(settings, signals, log)
    return signals


def check_redis(settings: Settings) -> None:
    """Raise BadSetting where no Redis is named, or its url can't be used."""
    if not settings.redis_url:
        raise BadSetting("no Redis is named; set DTS_REDIS_URL or give --redis-url redis://127.0.0.1:6379/0")
    connect(settings.redis_url).close()


def await_fit(settings: Settings, signals: Signals, log: logging.Logger) -> None:
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
