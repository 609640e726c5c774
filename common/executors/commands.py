"""What all executors that start a process have in common: directory, environment, process, end."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from common.contracts import Cancellation, Output
from common.domain.result import Result
from common.domain.task import Task
from common.executors.context import ExecutorContext
from common.executors.directory import Directories, remove_directory
from common.executors.enclosure import TaskLimits
from common.executors.environment import environment_of, inherited, mark_of
from common.executors.process import run_process
from common.executors.spawn import Command, machine_failure

NO_FILES: Mapping[str, str] = MappingProxyType({})


class Commands:
    """Runs a task's command in a private directory, in a clean environment. Safe to use from many threads."""

    def __init__(self, context: ExecutorContext) -> None:
        self._context = context
        self._directories = Directories(context.work_dir)
        self._inherited = inherited(context)

    def run(
        self,
        task: Task,
        argv: Sequence[str],
        cancelled: Cancellation,
        output: Output,
        files: Mapping[str, str] = NO_FILES,
    ) -> Result:
        """Run `argv` for this attempt to its end; `files` (name to text) are put into its directory first."""
        try:
            directory = self._directories.make(task, files)
        except OSError as error:
            return machine_failure(error)
        try:
            return run_process(self._command(task, argv, str(directory)), cancelled, output, self._context.enclosures)
        finally:
            remove_directory(directory)

    def _command(self, task: Task, argv: Sequence[str], directory: str) -> Command:
        return Command(
            argv=argv,
            cwd=directory,
            env=environment_of(task, self._inherited, directory),
            mark=mark_of(task),
            timeout=task.spec.timeout,
            grace=self._context.grace,
            linger=self._context.linger,
            limits=TaskLimits(task.spec.memory, task.spec.processes),
        )
