"""Where a command finds the tasks: the API or the Redis it is told of, else those that `dts up` runs here."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import click
from click.core import ParameterSource
from redis import Redis

from common.cli.options import API_URL
from common.cli.store_tasks import StoreTasks
from common.clock import Clock, SystemClock
from common.domain.errors import Unavailable
from common.domain.ids import Ids
from common.domain.query import Query
from common.domain.status import Answer
from common.domain.task import Submission, Task
from common.settings import Settings
from common.store.keys import Keys
from common.store.reading import LogPage, Page
from common.store.submitting import Submitted
from common.store.tasks import TaskStore
from common.store.writing import Limits
from common.transports.kafka_access import kafka_access
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
    kafka_access: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Tasks(Protocol):
    """What commands ask and do: by an API (common.client.tasks) where there is one, else at the store.

    Raises Unavailable where nothing was done, Unanswered where it may have been; NotAllowed.
    """

    def submit_all(self, submissions: Sequence[Submission], by: str) -> list[Submitted]: ...
    def get(self, task_id: str) -> Task | None: ...
    def history(self, task_id: str) -> list[dict[str, Any]]: ...
    def explain(self, task_id: str) -> dict[str, Any] | None: ...
    def read_log(self, task_id: str, attempt: int, offset: int = 0) -> LogPage: ...
    def find(self, query: Query, limit: int, cursor: str = "") -> Page: ...
    def cancel(self, task_ids: Sequence[str], by: str) -> list[Answer]: ...
    def retry(self, task_ids: Sequence[str], by: str) -> list[Answer]: ...
    def agents(self) -> list[dict[str, Any]]: ...
    def drain(self, agent: str, by: str) -> Answer: ...
    def resume(self, agent: str, by: str) -> Answer: ...


@dataclass(frozen=True)
class Place:
    """What a command on tasks works with."""

    tasks: Tasks
    clock: Clock


@contextmanager
def place_of(ctx: click.Context, redis_url: str | None) -> Iterator[Place]:
    """The tasks for this run of a command, let go of at its end.

    An option of the command line goes before the environment, and that before what runs here; of two that stand side
    by side, the API before the Redis. Raises Unavailable where nothing is named and nothing runs here.
    """
    if isinstance(ctx.obj, Place):
        yield ctx.obj
        return
    api_url, at_store = ctx.meta.get(API_URL), ctx.get_parameter_source("redis_url") is ParameterSource.COMMANDLINE
    if not isinstance(ctx.obj, Backend) and (api_url or not at_store):
        known = _with_api(api_url, redis_url)
        if known.api_url:
            from common.client.client import Client

            with Client(known.api_url, known.api_token) as client:
                yield Place(client, SystemClock())
            return
    with backend(ctx, redis_url) as found:
        yield Place(StoreTasks(found.store, Ids(found.clock)), found.clock)


def _with_api(api_url: str | None, redis_url: str | None) -> Settings:
    """The settings, with the API of what runs here where neither they nor the caller name a server."""
    known = Settings.load(api_url=api_url)
    if known.api_url or redis_url or known.redis_url:
        return known
    found = running_here(known.home)
    return Settings.load(api_url=found.get("DTS_API_URL", ""), api_token=found.get("DTS_API_TOKEN", ""))


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
        yield Backend(
            TaskStore(redis, Keys(settings.namespace), limits),
            redis,
            SystemClock(),
            settings.kafka,
            kafka_access(settings),
        )
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
