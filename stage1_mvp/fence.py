"""The fence: the small parent process of an agent, which ends what the agent may no longer run.

An agent that is frozen or killed can't end its own tasks; its parent can. It is told the deadline of the
lease over a line. When the deadline passes, or the line closes because the agent died, it kills every
descendant and starts the agent again, as a new boot. As the child subreaper it inherits whatever a task left
behind, so that nothing escapes it. When the fence itself is killed, the agent sees the line close, and dies
with all that it runs (RELIABILITY, "Leases").

It stays small because it imports next to nothing, and is run as a script of its own:

    python -I -S stage1_mvp/fence.py [--json] COMMAND…      COMMAND finds its end of the line in $DTS_FENCE

What it says is in the form of the agent's own lines, in JSON with --json or DTS_LOG_FORMAT=json.
"""

import ctypes
import math
import os
import select
import signal
import socket
import struct
import sys
import time

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
DEADLINE = struct.Struct("<d")
"""One message: the monotonic time at which all that the agent started must be dead; infinity while nothing runs."""
RESTART_PAUSE = 0.5
"""Seconds before an agent that died is started again."""
GONE_WITHIN = 10.0
"""Seconds after which a process that outlives SIGKILL is no longer waited for: it is stuck in the kernel."""


class Fence:
    """One agent process after another, and the deadline of the one that runs."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._stopping = False
        self._pid = 0
        # Signals arrive as bytes, so that one wait sees them, the line and the deadline.
        self._signals, wake = os.pipe()
        os.set_blocking(self._signals, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)

    def run(self) -> int:
        """Run the agent until it ends by itself or is told to; returns its exit code."""
        while True:
            line = self._start()
            code, why = self._watch(line)
            killed = kill_descendants()
            line.close()
            if code is not None and (code >= 0 or self._stopping):
                return code if code >= 0 else 128 - code
            say(f"{why}; {killed} processes were killed")
            if self._stopping or self._rest(RESTART_PAUSE):
                return 0
            say("the agent is started again, as a new boot")

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            os.set_inheritable(theirs.fileno(), True)
            # A group of its own: the terminal's Ctrl-C reaches only us, and we pass it on once.
            self._pid = os.posix_spawn(
                self._command[0], self._command, {**os.environ, "DTS_FENCE": str(theirs.fileno())}, setpgroup=0
            )
        return ours

    def _watch(self, line: socket.socket) -> tuple[int | None, str]:
        """Until the agent has ended, with its exit code, or may not go on; and why."""
        deadline = math.inf
        while True:
            wait = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([line.fileno(), self._signals], [], [], wait)
            if self._signals in ready:
                self._pass_on()
            if line.fileno() in ready:
                told = line.recv(DEADLINE.size)
                if not told:
                    # Killed: or it would have ended its tasks first, and told us.
                    return self._reap(block=True), "the agent died"
                (deadline,) = DEADLINE.unpack(told)
            elif time.monotonic() >= deadline:
                return None, "the agent let its lease run out"
            elif (code := self._reap(block=False)) is not None:
                return code, "the agent died"

    def _pass_on(self) -> None:
        """Hand the agent every signal that was meant for it."""
        for number in self._received():
            self._stopping = True
            try:
                os.kill(self._pid, number)
            except ProcessLookupError:
                pass

    def _received(self) -> list[int]:
        try:
            return [number for number in os.read(self._signals, 512) if number != signal.SIGCHLD]
        except BlockingIOError:
            return []

    def _reap(self, *, block: bool) -> int | None:
        """The agent's exit code if it has ended, negative for a signal; what tasks left behind is reaped beside it."""
        while True:
            try:
                pid, status = os.waitpid(self._pid if block else -1, 0 if block else os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == self._pid:
                return os.waitstatus_to_exitcode(status)
            if pid == 0:
                return None

    def _rest(self, seconds: float) -> bool:
        """Wait before the next start; returns whether a stop came meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            select.select([self._signals], [], [], left)
            if self._received():
                return True
        return False


def kill_descendants() -> int:
    """KILL all that this process and its children ever started, until none is left; returns how many there were."""
    killed: set[int] = set()
    give_up = time.monotonic() + GONE_WITHIN
    while (alive := _descendants(os.getpid())) and time.monotonic() < give_up:
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        killed |= alive
        _reap_all()
    return len(killed)


def _descendants(root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    # A program's name, in parentheses, may hold anything; what follows it is numbers.
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(name))
    found: set[int] = set()
    front = [root]
    while front:
        front = [child for pid in front for child in children.get(pid, ())]
        found.update(front)
    return found


def _reap_all() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def say(text: str) -> None:
    """One line on stderr, in the form of the agent's own."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    line = f"{stamp} WARNING dts.fence {text}"
    if (os.environ.get("DTS_LOG_FORMAT") or ("json" if "--json" in sys.argv[1:2] else "")) == "json":
        said = {"time": stamp, "level": "warning", "logger": "dts.fence", "event": text, "role": "agent"}
        named = {**said, "member": _member(sys.argv), "host": socket.gethostname()}
        # Nothing here needs to be escaped, and a module that could do it would be one more to load.
        line = "{" + ",".join(f'"{name}":"{value}"' for name, value in named.items()) + f',"pid":{os.getpid()}' + "}"
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _member(command: list[str]) -> str:
    """The agent's id as its command or its environment has it; '' where it is none."""
    given = command[command.index("--id") + 1 :][:1] if "--id" in command else []
    name = given[0] if given else os.environ.get("DTS_AGENT", "")
    return name if all(c.isascii() and (c.isalnum() or c in "._-") for c in name) else ""


def hide() -> None:
    """Let nobody of this process' own user look into it: its memory and environment have secrets, and tasks are of
    that user. Whatever it starts may be looked into again (prctl(2), PR_SET_DUMPABLE). Linux only.
    """
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


if __name__ == "__main__":
    hide()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sys.exit(Fence(sys.argv[2:] if sys.argv[1:2] == ["--json"] else sys.argv[1:]).run())
