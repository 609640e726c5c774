"""Finds the executors of an agent by the type of task they run."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from common.contracts import Executor
from common.domain.errors import BadSetting
from common.executors.context import ExecutorContext
from common.executors.python_script import PythonScriptExecutor
from common.executors.shell import ShellExecutor

GROUP = "dts.executors"

_BUILT_IN: Mapping[str, Callable[[ExecutorContext], Executor]] = {
    "SHELL": ShellExecutor,
    "PYTHON": PythonScriptExecutor,
}
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_IMPORT_STRING = re.compile(r"[\w.]+:[\w.]+")


def load_executors(
    settings: Mapping[str, str],
    context: ExecutorContext,
    installed: Iterable[EntryPoint] | None = None,
) -> dict[str, Executor]:
    """All executors by type: SHELL and PYTHON, then those of installed packages, then those that settings name.

    A later one replaces an earlier one of the same type. An installed package offers its own by an entry
    point in the group "dts.executors", named for the type:

        [project.entry-points."dts.executors"]
        HTTP = "my_package.http:HttpExecutor"

    The object named there, or by "module:attr" in the settings, is a class or function that makes an
    executor. It is called without arguments if it can be, else with the agent's ExecutorContext.

    Raises BadSetting, which names the type and tells what is wrong, for one that can't be had.
    """
    found = {type_: make(context) for type_, make in _BUILT_IN.items()}
    named = {type_: _named(type_, text) for type_, text in settings.items()}
    points = entry_points(group=GROUP) if installed is None else installed
    offered = _by_type(point for point in points if point.name not in named)
    for type_, point in {**offered, **named}.items():
        found[type_] = _made(point, context)
    return found


def _named(type_: str, text: str) -> EntryPoint:
    if not _IMPORT_STRING.fullmatch(text):
        raise BadSetting(f'executor {type_}: {text!r} is no import string; write "module:attr"')
    return EntryPoint(type_, text, GROUP)


def _by_type(points: Iterable[EntryPoint]) -> dict[str, EntryPoint]:
    offered: dict[str, EntryPoint] = {}
    for point in points:
        rival = offered.setdefault(point.name, point)
        if rival.value != point.value:
            raise BadSetting(
                f"executor {point.name}: two installed packages offer it ({rival.value}, {point.value}); "
                "remove one, or name the one you mean in the settings"
            )
    return offered


def _made(point: EntryPoint, context: ExecutorContext) -> Executor:
    if not _TYPE.fullmatch(point.name):
        raise BadSetting(f"executor {point.name!r}: a type is written in capitals, digits and _, such as HTTP_GET")
    executor: Executor = _call(point, context)
    if not callable(getattr(executor, "run", None)):
        raise BadSetting(f"executor {point.name}: what {point.value!r} makes has no run(task, cancelled, output)")
    return executor


def _call(point: EntryPoint, context: ExecutorContext) -> Any:
    try:
        make = point.load()
        arguments = () if _takes_nothing(make) else (context,)
        return make(*arguments)
    # Other people's code may fail in any way; the setting that named it is what has to be changed.
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise BadSetting(f"executor {point.name}: {point.value!r} can't be loaded: {why}") from error


def _takes_nothing(make: Callable[..., object]) -> bool:
    try:
        inspect.signature(make).bind()
    except TypeError:
        return False
    return True
