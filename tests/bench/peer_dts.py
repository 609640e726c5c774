"""dts beside other task queues: its adapter for the harness that docs/performance.md names.

A variant is a<agents>s<slots>, with a q at its end where the agents log only warnings, and t<stage> before it for a
later stage than the first, as in t3a2s128q: then a scheduler and, from stage 3 on, a task-manager run too. ZooKeeper
and Kafka are used where DTS_ZOOKEEPER and DTS_KAFKA name them (`eval "$(dts infra env)"`). Everything else is dts as
it comes: the store's own submit, the executor of SHELL. Each task leaves the harness' record of its execution; a no-op
stands for a Python function.
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bodies  # type: ignore[import-not-found]  # the harness'
from redis import Redis

from common.clock import SystemClock
from common.contracts import Cancellation, Output
from common.domain.ids import Ids
from common.domain.result import Result, success
from common.domain.status import Status
from common.domain.task import Submission, Task
from common.executors.context import ExecutorContext
from common.executors.shell import ShellExecutor
from common.store.keys import Keys
from common.store.tasks import TaskStore
from common.transports.redis_client import connect

PLAN = {
    "noop": [
        ["a1s4", ["noop", "--n", "10000"]],
        ["a2s4", ["noop", "--n", "10000"]],
        ["a2s128q", ["noop", "--n", "50000"]],
        ["t2a2s128q", ["noop", "--n", "30000"]],
        ["t3a2s128q", ["noop", "--n", "30000"]],
        ["t4a2s128q", ["noop", "--n", "30000"]],
    ],
    "bulk": [["a2s128q", ["noop", "--n", "50000", "--bulk"]]],
    "stream": [["a2s128q", ["stream", "--n", "20000", "--bulk"]]],
    "aof": [["a2s128q", ["noop", "--n", "50000"]]],
    "argv": [["a1s4", ["argv", "--n", "2000"]], ["a2s4q", ["argv", "--n", "2000"]]],
    "shell": [["a1s4", ["shell", "--n", "2000"]], ["a2s4q", ["shell", "--n", "2000"]]],
    "latency": [
        ["a1s4", ["latency", "--n", "1000", "--own", "200"]],
        ["t2a2s4", ["latency", "--n", "1000", "--own", "200"]],
        ["t3a2s4", ["latency", "--n", "1000", "--own", "200"]],
        ["t4a2s4", ["latency", "--n", "1000", "--own", "200"]],
    ],
    # Nobody takes over from an agent of stage 1 that is killed: its own tasks wait until it is back.
    "kill": [["a1s4", ["kill", "--n", "500", "--timeout", "60"]]],
}
COMMANDS: dict[str, str | list[str]] = {"argv": ["/bin/true"], "shell": "/bin/true"}

_variant = re.fullmatch(r"(?:t(\d))?a(\d+)s(\d+)(q?)", bodies.VARIANT)
AGENTS, SLOTS, QUIET = (int(_variant[2]), int(_variant[3]), bool(_variant[4])) if _variant else (1, 4, False)
STAGE = int(_variant[1] or 1) if _variant else 1
PACKAGES = {1: "stage1_mvp", 2: "stage2_zk", 3: "stage3_kafka", 4: "stage4_api"}
# The agents inherit this from the harness, which imports this module before it starts them.
os.environ |= {
    "DTS_REDIS_URL": bodies.URL,
    "DTS_SLOTS": str(SLOTS),
    "DTS_HOME": str(Path(tempfile.gettempdir(), "dts-peer")),
    "DTS_EXECUTORS": json.dumps({name: f"{__name__}:{name}" for name in ("CALL", "RECORDED")}),
    "DTS_LOG_LEVEL": "warning" if QUIET else "info",
    "DTS_RPC_SECRET": "of one run",
}
store = TaskStore(connect(bodies.URL))
ids = Ids(SystemClock())


class CALL:
    """Calls a Python function with arguments; what it returns is the task's output."""

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        value = getattr(bodies, task.spec.name)(*json.loads(str(task.spec.content)))
        output.write(str(value).encode())
        return success()


class RECORDED:
    """Runs a command as SHELL does."""

    def __init__(self, context: ExecutorContext) -> None:
        self._shell = ShellExecutor(context)

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        begun = time.monotonic_ns()
        result = self._shell.run(task, cancelled, output)
        bodies.record(int(task.spec.name), begun, time.monotonic_ns())
        return result


def bench_nodes() -> list[list[list[str]]]:
    others = [_role("scheduler", 0)] if STAGE > 1 else []
    others += [_role("manager", 0)] if STAGE > 2 else []
    return [*([others] if others else []), *([_role("agent", number)] for number in range(AGENTS))]


def kill_node(number: int) -> list[list[str]]:
    return [_role("agent", number)]


def submit(kind: str, *args: Any) -> str:
    return submit_many(kind, [args])[0]


def submit_many(kind: str, argslist: Sequence[Sequence[Any]]) -> list[str]:
    return [made.task_id for made in store.submit([_submission(kind, args) for args in argslist], "bench", ids)]


def probe(task_id: str) -> tuple[tuple[str, ...], bytes]:
    return ("HGET", store.keys.task(task_id), "status"), b"SUCCESS"


def wait(task_id: str) -> int | None:
    """What the task gave back, as soon as it is there: a function's value, a command's exit code."""
    while True:
        task = store.get(task_id)
        if task and task.status.final and task.result:
            return int(task.result.output) if task.spec.type == "CALL" else task.result.exit_code
        time.sleep(0.001)  # noqa: TID251  as all adapters of the harness do


def stuck(redis: Redis) -> dict[str, int]:
    keys = Keys()
    return {"pending": redis.zcard(keys.pending), "running": redis.zcard(keys.index(Status.RUNNING))}


def _role(role: str, number: int) -> list[str]:
    return ["python", "-m", PACKAGES[STAGE], role, "--id", f"{role}-{number}"]


def _submission(kind: str, args: Sequence[Any]) -> Submission:
    if kind in COMMANDS:
        return Submission(type="RECORDED", name=str(args[0]), content=COMMANDS[kind])
    return Submission(type="CALL", name=kind, content=json.dumps(args))
