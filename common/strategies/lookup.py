"""Finds strategies by name."""

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint

from common.contracts import Strategy
from common.domain.errors import BadSetting
from common.extensions import extensions, made
from common.strategies.consistent_hash import ConsistentHash
from common.strategies.label_match import LabelMatch
from common.strategies.least_load import LeastLoad
from common.strategies.random_choice import Random
from common.strategies.round_robin import RoundRobin
from common.strategies.weighted import Weighted

GROUP = "dts.strategies"

_BUILT_IN: Mapping[str, Callable[[], Strategy]] = {
    "random": Random,
    "round-robin": RoundRobin,
    "least-load": LeastLoad,
    "weighted": Weighted,
    "consistent-hash": ConsistentHash,
    "label-match": LabelMatch,
}


def load_strategies(settings: Mapping[str, str], installed: Iterable[EntryPoint] | None = None) -> dict[str, Strategy]:
    """All strategies by name, each made anew: the built-in ones, those of installed packages, those settings name.

    A later one replaces an earlier one of the same name. An installed package offers its own by an entry point in
    the group "dts.strategies", named for it:

        [project.entry-points."dts.strategies"]
        cheapest = "my_package.prices:Cheapest"

    The object named there, or by "module:attr" in the settings, is a class or function that makes a strategy
    without arguments. Raises BadSetting, which names it and tells what is wrong, for one that can't be had.
    """
    found = {name: make() for name, make in _BUILT_IN.items()}
    points = extensions("strategy", GROUP, settings, installed)
    return found | {name: _strategy(point) for name, point in points.items()}


def check_strategy(name: str, known: Mapping[str, Strategy]) -> None:
    """Raise BadSetting, which lists those that there are, where there is none of that name."""
    if name not in known:
        raise BadSetting(f"there is no strategy {name!r}; strategies: {', '.join(sorted(known))}")


def _strategy(point: EntryPoint) -> Strategy:
    strategy: Strategy = made("strategy", point, lambda make: make())
    if not callable(strategy):
        raise BadSetting(f"strategy {point.name}: what {point.value!r} makes can't be called with (task, candidates)")
    return strategy
