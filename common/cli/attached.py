"""The system that `dts verify` and `dts look` are about: what `dts up` runs here, or one reached by its Redis alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from common.cli.where import settings_for
from common.clock import SystemClock
from common.lab.cluster import Cluster
from common.lab.errors import LabError
from common.lab.home import Home
from common.lab.names import Names
from common.lab.observer import Observer
from common.lab.tap import Tap
from common.lab.worlds import AttachedWorld, ClusterWorld, World, names_of, quick
from common.registries.choose import registry_of
from common.settings import Settings
from common.store.keys import Keys


@dataclass(frozen=True, slots=True)
class Attached:
    """A running system, and eyes for it."""

    world: World
    names: Names
    observer: Observer
    place: str
    """What it is called when one speaks of it; holds no password."""
    stage: int | None
    """Which stage runs there; None where that can't be known."""


@contextmanager
def attached(redis_url: str | None, prefix: str = "") -> Iterator[Attached]:
    """The system that the url, the environment or the home points to. `prefix` stands before a scenario's task ids.

    Raises Unavailable where nothing is named and nothing runs here; nothing is sent yet.
    """
    settings = settings_for(redis_url)
    world = _world(settings)
    names = names_of(world, prefix, Keys(settings.namespace), settings.home)
    try:
        yield Attached(world, names, Observer(world, names), _place(world.redis_url), _stage(world))
    finally:
        world.redis.close()
        if world.registry:
            world.registry.close()
        if world.tap:
            world.tap.close()


def _world(settings: Settings) -> World:
    try:
        cluster = Cluster.at(settings.home)
        if cluster.redis_url == settings.redis_url:
            return ClusterWorld(cluster, settings.home)
    except LabError:
        pass
    redis = quick(settings.redis_url)
    registry = registry_of(settings, lambda **_: redis, SystemClock())
    tap = Tap(settings, lambda **_: redis)
    return AttachedWorld(redis, settings.redis_url, registry, tap, settings=settings)


def _place(redis_url: str) -> str:
    url = urlsplit(redis_url)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _stage(world: World) -> int | None:
    try:
        return Home(world.home).read().stage if world.home else None
    except LabError:
        return None
