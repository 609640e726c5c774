"""SHELL tasks (F-AGT-04): a command line, or a list of words run as it is."""

from collections.abc import Sequence
from dataclasses import replace

from common.contracts import Cancellation, Output
from common.domain.result import Reason, Result
from common.domain.task import Task, TaskSpec
from common.executors.commands import Commands
from common.executors.context import ExecutorContext
from common.executors.endings import signal_name

_HINTS = {
    126: "the shell found a command that it could not execute: is it a program, and has it the x right?",
    127: "the shell did not find a command; the output names it",
}
_SIGNALLED = range(129, 128 + 65)


class ShellExecutor:
    """Runs a task's content: text with `sh -c`, its arguments as $1, $2 …; a list as it is, arguments appended."""

    def __init__(self, context: ExecutorContext) -> None:
        self._commands = Commands(context)

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        result = self._commands.run(task, _argv(task.spec), cancelled, output)
        return _explained(result) if isinstance(task.spec.content, str) else result


def _argv(spec: TaskSpec) -> Sequence[str]:
    if isinstance(spec.content, str):
        return ["sh", "-c", spec.content, "sh", *spec.args]
    return [*spec.content, *spec.args]


def _explained(result: Result) -> Result:
    """A shell tells of its commands' troubles in its exit code: say in words what it means."""
    code = result.exit_code or 0
    hint = _HINTS.get(code, "")
    if code in _SIGNALLED:
        hint = f"often: a command in the shell was ended by {signal_name(code - 128)}"
    if result.reason is not Reason.EXIT_CODE or not hint:
        return result
    return replace(result, error=f"{result.error}: {hint}")
