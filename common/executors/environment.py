"""The environment of a task: clean by default, so that no setting or secret of the agent reaches it."""

from collections.abc import Mapping

from common.domain.task import Task
from common.executors.context import ExecutorContext

INHERITED = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ")
"""Taken from the agent where it has them, as is every LC_…; all else must be named in `passthrough`."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def inherited(context: ExecutorContext) -> dict[str, str]:
    """What every task of this agent gets from the agent's own environment."""
    names = {*INHERITED, *context.passthrough}
    taken = {name: value for name, value in context.environ.items() if name in names or name.startswith("LC_")}
    return {"PATH": DEFAULT_PATH, **taken}


def mark_of(task: Task) -> dict[str, str]:
    """What tells the processes of one attempt from all others; no task can set these itself."""
    return {"TASK_ID": task.task_id, "TASK_ATTEMPT": str(task.attempt), "DTS_BOOT": task.boot}


def environment_of(task: Task, base: Mapping[str, str], directory: str) -> dict[str, str]:
    """The whole environment of one attempt: `base`, its private directory, the task's own, then its marks."""
    return {
        **base,
        "HOME": base.get("HOME", directory),
        # What a task leaves among its temporary files goes with the task.
        "TMPDIR": directory,
        **task.spec.env,
        **mark_of(task),
        "TASK_NAME": task.spec.name,
        "DTS_AGENT": task.agent,
    }
