"""The executor of tasks that do nothing, so that what is measured is dts itself."""

from common.contracts import Cancellation, Output
from common.domain.result import Result, success
from common.domain.task import Submission, Task

TYPE = "NOOP"


class NoOp:
    """Succeeds at once."""

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        return success()


def noops(count: int) -> list[Submission]:
    """So many of them, not yet submitted."""
    return [Submission(type=TYPE, name="noop", content="nothing")] * count
