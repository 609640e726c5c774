"""Processes of this machine, named so that a pid that was given out again is never touched.

Read from Linux's /proc directly: psutil derives start times from the wall clock, which may be
set between one `dts` command and the next, and so can't recognise a process again.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.lab.until import NotYet, until

FENCE, AGENT = "dts-fence", "dts-agent"
"""What the kernel calls the two processes of an agent; of what a fence was left with by tasks, nothing is called so."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its pid, and when it was started (clock ticks since the machine's boot)."""

    pid: int
    started: int

    def alive(self) -> bool:
        """Whether it still runs or is frozen; one that only waits to be reaped does not count."""
        state = self._state()
        # Its first thread may be gone while others still hold its ports and files.
        return state not in ("", "Z", "X") or (state == "Z" and _threads(self.pid) > 1)

    def frozen(self) -> bool:
        """Whether SIGSTOP holds it."""
        return self._state() == "T"

    def send(self, sign: signal.Signals) -> None:
        """Signal it; nothing happens where it is gone."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sign)

    def _state(self) -> str:
        state, started = _stat(self.pid)
        return state if started == self.started else ""


def find(pid: int) -> Process | None:
    """The process that has this pid now."""
    state, started = _stat(pid)
    return Process(pid, started) if state else None


def fenced_child(process: Process) -> Process | None:
    """The agent behind a fence; None where `process` is no fence, or has none just now."""
    if _name(process.pid) != FENCE:
        return None
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except OSError:
        return None
    return next((find(int(pid)) for pid in children if _name(int(pid)) == AGENT), None)


def spawn(argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Start a command in a session of its own, so that the terminal's Ctrl-C doesn't reach it; it writes to `log`.

    The caller keeps the handle and polls it, or the process stays a zombie as long as the caller lives.
    Raises OSError where the command can't be started.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def marked(name: str, value: str) -> list[Process]:
    """All processes, except this one, that were started with the environment variable `name` set to `value`.

    Children inherit it, so it finds also what a process left behind when it died. Processes of others
    that can't be read are passed over.
    """
    needle = b"\0" + os.fsencode(f"{name}={value}") + b"\0"
    found = []
    for entry in Path("/proc").iterdir():
        process = find(int(entry.name)) if entry.name.isdigit() and int(entry.name) != os.getpid() else None
        if process is not None and needle in b"\0" + _environment(process.pid):
            found.append(process)
    return found


STOP_NOW = ((signal.SIGTERM, 1.0), (signal.SIGTERM, 7.0), (signal.SIGKILL, 5.0))
"""Signals with the seconds to wait after each: an agent drains after the first TERM and stops after the second.

That takes it a grace (5 s unless set otherwise) where a task doesn't heed TERM.
"""
KILL = ((signal.SIGKILL, 5.0),)
GO_ON = ((signal.SIGCONT, 5.0),)
"""For those that end by themselves, if only they are not frozen."""


def end(processes: Iterable[Process], steps: Sequence[tuple[signal.Signals, float]] = STOP_NOW) -> list[Process]:
    """Stop all of them together, harder with each step, frozen ones too; returns those still alive at the end."""
    left = [process for process in processes if process.alive()]
    for sign, patience in steps:
        for process in left:
            process.send(sign)
            process.send(signal.SIGCONT)
        left = _survivors(left, patience)
    return left


def _survivors(processes: list[Process], within: float) -> list[Process]:
    def alive() -> list[Process]:
        return [process for process in processes if process.alive()]

    with contextlib.suppress(NotYet):
        until(lambda: not alive(), within=within if processes else 0)
    return alive()


def _stat(pid: int) -> tuple[str, int]:
    """A process' state letter and start time; an empty letter where there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return "", 0
    # The name in parentheses may hold anything, also spaces and parentheses: count from its end.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().removesuffix("\n")
    except OSError:
        return ""


def _threads(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return 0


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
