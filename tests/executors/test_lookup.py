from importlib.metadata import EntryPoint
from typing import Any

import pytest

from common.contracts import Cancellation, Output
from common.domain.errors import BadSetting
from common.domain.result import Result, success
from common.domain.status import Status
from common.domain.task import Task
from common.executors.cancel import CancelToken
from common.executors.context import ExecutorContext
from common.executors.lookup import GROUP, load_executors
from common.executors.output import TaskOutput
from common.executors.python_script import PythonScriptExecutor
from common.executors.shell import ShellExecutor
from tests.executors.conftest import task_of

HERE = __name__


class Echo:
    """An executor that needs nothing."""

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        output.write(str(task.spec.content).encode())
        return success()


class Placed(Echo):
    """An executor that needs to know where tasks run."""

    def __init__(self, context: ExecutorContext) -> None:
        self.context = context


def placed(context: ExecutorContext) -> Echo:
    return Placed(context)


def broken() -> Echo:
    raise RuntimeError("no licence")


def nothing() -> None:
    return None


def point(type_: str, value: str) -> EntryPoint:
    return EntryPoint(type_, value, GROUP)


def test_shell_and_python_are_built_in(context: ExecutorContext) -> None:
    found = load_executors({}, context)
    assert isinstance(found["SHELL"], ShellExecutor)
    assert isinstance(found["PYTHON"], PythonScriptExecutor)


def test_an_import_string_in_the_settings_adds_a_type(context: ExecutorContext) -> None:
    executor = load_executors({"ECHO": f"{HERE}:Echo"}, context, installed=[])["ECHO"]
    output = TaskOutput(1024)
    assert executor.run(task_of("hi"), CancelToken(), output).status is Status.SUCCESS
    assert output.finish() == (0, "hi")


@pytest.mark.parametrize("name", ["Placed", "placed"])
def test_one_that_asks_for_it_gets_the_context(context: ExecutorContext, name: str) -> None:
    executor: Any = load_executors({"PLACED": f"{HERE}:{name}"}, context, installed=[])["PLACED"]
    assert executor.context is context


def test_an_installed_package_adds_a_type(context: ExecutorContext) -> None:
    assert isinstance(load_executors({}, context, [point("ECHO", f"{HERE}:Echo")])["ECHO"], Echo)


def test_the_settings_win_over_packages_and_packages_over_what_is_built_in(context: ExecutorContext) -> None:
    installed = [point("ECHO", "no.such.module:Echo"), point("SHELL", f"{HERE}:Echo")]
    found = load_executors({"ECHO": f"{HERE}:Placed"}, context, installed)
    assert isinstance(found["ECHO"], Placed)
    assert isinstance(found["SHELL"], Echo)


def test_two_packages_that_offer_the_same_type_are_refused_unless_the_settings_decide(
    context: ExecutorContext,
) -> None:
    rivals = [point("ECHO", f"{HERE}:Echo"), point("ECHO", f"{HERE}:Placed")]
    with pytest.raises(BadSetting, match="executor ECHO: two installed packages offer it"):
        load_executors({}, context, rivals)
    assert isinstance(load_executors({"ECHO": f"{HERE}:Placed"}, context, rivals)["ECHO"], Placed)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no.such.module:Echo", "ModuleNotFoundError: No module named 'no'"),
        (f"{HERE}:Absent", "Absent"),
        (f"{HERE}:broken", "RuntimeError: no licence"),
        (f"{HERE}:nothing", "no run"),
        (f"{HERE}:HERE", "can't be loaded"),
        (f"{HERE}", "no import string"),
        ("", "no import string"),
        ("a b:c", "no import string"),
    ],
)
def test_an_import_string_that_leads_nowhere_is_a_bad_setting(context: ExecutorContext, value: str, why: str) -> None:
    with pytest.raises(BadSetting, match="executor ECHO: ") as caught:
        load_executors({"ECHO": value}, context, installed=[])
    assert why in str(caught.value)


@pytest.mark.parametrize("type_", ["echo", "", "1X", "A-B", "X" * 65])
def test_a_type_that_no_task_could_have_is_a_bad_setting(context: ExecutorContext, type_: str) -> None:
    with pytest.raises(BadSetting, match="a type is written in capitals"):
        load_executors({type_: f"{HERE}:Echo"}, context, installed=[])
