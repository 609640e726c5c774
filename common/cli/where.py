"""Where a command finds the tasks: the server it is told of, else the one that `dts up` runs here."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from redis import Redis

from common.clock import Clock, SystemClock
from common.domain.errors import Unavailable
from common.settings import Settings
from common.store.keys import Keys
from common.store.tasks import Limits, TaskStore
from common.transports.redis_client import connect

ENV_FILE = Path("cluster.run", "env")
"""Within the home: where `dts up` says how its servers are reached (common/lab/home.py)."""


PLACES = ("zookeeper", "kafka", "api_url", "api_token", "rpc_secret")


@dataclass(frozen=True)
class Backend:
    """What a command on tasks works with."""

    store: TaskStore
    redis: Redis
    clock: Clock
    kafka: str = ""


@contextmanager
def backend(ctx: click.Context, redis_url: str | None) -> Iterator[Backend]:
    """The backend for this run of a command, closed at its end.

    One that the caller of the whole command line put into `ctx.obj` goes before all others: tests do.
    Raises Unavailable where no server is named and none runs here; nothing is sent yet.
    """
    if isinstance(ctx.obj, Backend):
        yield ctx.obj
        return
    settings = settings_for(redis_url)
    redis = connect(settings.redis_url)
    try:
        limits = Limits(pending=settings.pending_bound, lost=settings.max_lost, retention=settings.retention)
        yield Backend(TaskStore(redis, Keys(settings.namespace), limits), redis, SystemClock(), settings.kafka)
    finally:
        redis.close()


def running_here(home: Path) -> dict[str, str]:
    """What the running stage of `home` tells clients: the names and values of its ENV_FILE, {} where there is none.

    The file holds the lines that `dts env` prints (`export NAME='value'`); it is there while the stage runs.
    """
    try:
        text = (home / ENV_FILE).read_text()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    words = (word for line in text.splitlines() for word in shlex.split(line, comments=True)[1:])
    return dict(word.split("=", 1) for word in words if "=" in word)


def settings_for(redis_url: str | None) -> Settings:
    """The settings, with the server that is meant; raises Unavailable where none is named and none runs here."""
    settings = Settings.load(redis_url=redis_url)
    if settings.redis_url:
        return settings
    found = running_here(settings.home)
    if "DTS_REDIS_URL" not in found:
        raise Unavailable(f"no server is named, and no stage runs in {settings.home}")
    # All of it: who is told of one server of a stage would look for the others elsewhere.
    places: dict[str, Any] = {name: found.get(f"DTS_{name.upper()}", "") for name in PLACES}
    return Settings.load(redis_url=found["DTS_REDIS_URL"], **places)
