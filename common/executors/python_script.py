"""PYTHON tasks (F-AGT-04): the text of a script, run by an interpreter of its own."""

from common.contracts import Cancellation, Output
from common.domain.result import Reason, Result, failure
from common.domain.task import Task
from common.executors.commands import Commands
from common.executors.context import ExecutorContext

SCRIPT = "script.py"


class PythonScriptExecutor:
    """Runs a task's content as a script, with its arguments in sys.argv, by the agent's interpreter or another.

    The script is a file in the attempt's directory, so that tracebacks show its lines. Its output is
    unbuffered, so that it can be followed while it runs, and UTF-8. Nothing of the agent's own Python
    environment (PYTHONPATH, VIRTUAL_ENV) reaches it.
    """

    def __init__(self, context: ExecutorContext) -> None:
        self._commands = Commands(context)
        self._python = context.python

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        script = task.spec.content
        if not isinstance(script, str):
            return failure(Reason.SPAWN_ERROR, "the content of a PYTHON task is the text of a script, not a list")
        argv = [self._python, "-u", "-X", "utf8", SCRIPT, *task.spec.args]
        return self._commands.run(task, argv, cancelled, output, files={SCRIPT: script})
