"""Finds strategies by name."""

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from common.contracts import Strategy
from common.domain.errors import BadSetting
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
_IMPORT_STRING = re.compile(r"[\w.]+:[\w.]+")


def load_strategies(settings: Mapping[str, str], installed: Iterable[EntryPoint] | None = None) -> dict[str, Strategy]:
    """All strategies by name, each made anew: the built-in ones, those of installed packages, those settings name.

    A later one replaces an earlier one of the same name. An installed package offers its own by an entry point in
    the group "dts.strategies", named for it:

        [project.entry-points."dts.strategies"]
        cheapest = "my_package.prices:Cheapest"

    The object named there, or by "module:attr" in the settings, is a class or function that makes a strategy
    without arguments. Raises BadSetting, which names it and tells what is wrong, for one that can't be had.
    """
    points = entry_points(group=GROUP) if installed is None else installed
    offered = {point.name: point for point in points}
    named = {name: _named(name, text) for name, text in settings.items()}
    found = {name: make() for name, make in _BUILT_IN.items()}
    return found | {name: _made(point) for name, point in {**offered, **named}.items()}


def check_strategy(name: str, known: Mapping[str, Strategy]) -> None:
    """Raise BadSetting, which lists those that there are, where there is none of that name."""
    if name not in known:
        raise BadSetting(f"there is no strategy {name!r}; strategies: {', '.join(sorted(known))}")


def _named(name: str, text: str) -> EntryPoint:
    if not _IMPORT_STRING.fullmatch(text):
        raise BadSetting(f'strategy {name}: {text!r} is no import string; write "module:attr"')
    return EntryPoint(name, text, GROUP)


def _made(point: EntryPoint) -> Strategy:
    try:
        strategy: Strategy = point.load()()
    # Other people's code may fail in any way; the setting that named it is what has to be changed.
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise BadSetting(f"strategy {point.name}: {point.value!r} can't be loaded: {why}") from error
    if not callable(strategy):
        raise BadSetting(f"strategy {point.name}: what {point.value!r} makes can't be called with (task, candidates)")
    return strategy
