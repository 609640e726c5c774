"""Agents as an operator runs them: `python -m stage1_mvp agent`, in processes of their own."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from common.executors.remains import end_noted_groups
from common.lab.processes import Process, fenced_child, find
from common.lab.task_processes import task_processes
from common.lab.until import until
from tests.servers import kill_when_we_die
from tests.stage1.desk import WITHIN

ROOT = Path(__file__).parents[2]


class AgentProcess:
    """One agent; its log is a file. It is gone when this process is, however that ends.

    `process` is what was started: the fence, or without one the agent itself.
    """

    def __init__(self, url: str, home: Path, number: int, *, fenced: bool = True, **settings: object) -> None:
        usual = {"agent": "agent-1", "slots": 4, "lease": 6, "drain": 10, "grace": 0.3, "redis_url": url, "home": home}
        given = {f"DTS_{name.upper()}": str(value) for name, value in (usual | settings).items()}
        self.home = home
        self._log = home / f"agent.{number}.log"
        command = [sys.executable, "-m", "stage1_mvp", "agent", "--fence" if fenced else "--no-fence"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env={"PATH": os.environ["PATH"], **given}, cwd=ROOT, stdout=log, stderr=log
            )
        self._guard = kill_when_we_die(self.process.pid)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def says(self, text: str, times: int = 1) -> None:
        """Wait until `text` stands so often in its log."""

        def said() -> bool:
            assert self.log.count(text) >= times, self.log
            return True

        until(said, WITHIN)

    def ready(self) -> "AgentProcess":
        self.says(" ready: ")
        return self

    def term(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    @property
    def body(self) -> Process:
        """The process that takes tasks and runs them."""
        started = find(self.process.pid) or Process(0, 0)
        return fenced_child(started) or started

    def freeze(self) -> None:
        self.body.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.body.send(signal.SIGCONT)

    def kill(self) -> None:
        """Gone on return, its fence too; what its tasks started goes on, as nobody is left to end it."""
        body = self.body
        body.send(signal.SIGSTOP)
        self.process.kill()
        self.process.wait()
        body.send(signal.SIGKILL)

    def exit_code(self, within: float = WITHIN) -> int:
        """Wait for its end."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {within:g} s:\n{self.log}") from None

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    @property
    def memory(self) -> int:
        """Bytes of its resident memory."""
        return int(psutil.Process(self.body.pid).memory_info().rss)

    def close(self) -> None:
        """End it, and all that its tasks left running."""
        if self.lives:
            self.kill()
        self._guard.kill()
        self._guard.wait()
        assert self._guard.stdin
        self._guard.stdin.close()
        for process in task_processes(self.home):
            end(process.pid)
        for boot in self.home.glob("work/*/*"):
            end_noted_groups(boot)


def gone(pid: int) -> bool:
    """Whether no live process has it; one that only waits to be reaped does not count."""
    process = find(pid)
    return process is None or not process.alive()


def end(pid: int) -> None:
    """KILL it; nothing happens where it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
