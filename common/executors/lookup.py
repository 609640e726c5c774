"""Finds the executors of an agent by the type of task they run."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint

from common.contracts import Executor
from common.domain.errors import BadSetting
from common.executors.context import ExecutorContext
from common.executors.python_script import PythonScriptExecutor
from common.executors.shell import ShellExecutor
from common.extensions import extensions, made

GROUP = "dts.executors"

_BUILT_IN: Mapping[str, Callable[[ExecutorContext], Executor]] = {
    "SHELL": ShellExecutor,
    "PYTHON": PythonScriptExecutor,
}
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


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
    for type_, point in extensions("executor", GROUP, settings, installed).items():
        found[type_] = _executor(point, context)
    return found


def _executor(point: EntryPoint, context: ExecutorContext) -> Executor:
    if not _TYPE.fullmatch(point.name):
        raise BadSetting(f"executor {point.name!r}: a type is written in capitals, digits and _, such as HTTP_GET")
    executor: Executor = made("executor", point, lambda make: make(*(() if _takes_nothing(make) else (context,))))
    if not callable(getattr(executor, "run", None)):
        raise BadSetting(f"executor {point.name}: what {point.value!r} makes has no run(task, cancelled, output)")
    return executor


def _takes_nothing(make: Callable[..., object]) -> bool:
    try:
        inspect.signature(make).bind()
    except TypeError:
        return False
    return True
