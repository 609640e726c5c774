"""The fence: the small parent process of an agent, which ends what the agent may no longer run.

An agent that is frozen or killed can't end its own tasks; its parent can. It is told the deadline of the
lease over a line. When the deadline passes, or the line closes because the agent died, it kills every
descendant and starts the agent again, as a new boot. As the child subreaper it inherits whatever a task left
behind, so that nothing escapes it. When the fence itself is killed, the agent sees the line close, and dies
with all that it runs (RELIABILITY, "Leases").

It is a fork of the process that has loaded all that an agent needs, and so is each agent that it starts: what they
share is in memory once, and a new boot is there at once. What it does itself needs next to nothing of that.
"""

import ctypes
import logging
import math
import os
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass

from common.domain.result import Proof

log = logging.getLogger("dts.fence")

PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 4, 15, 36
FENCE, AGENT = b"dts-fence", b"dts-agent"
"""What the kernel calls the two, as `ps -e` and /proc/PID/comm show it."""
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
DEADLINE = struct.Struct("<d")
"""A message: the monotonic time at which all that the agent started must be dead; infinity while nothing runs."""
BY = "fence"
"""By what the processes of a boot were held together that the fence has ended; it tells of all that the boot ran."""
NAME = 128
"""Bytes of a message at most; one that is no deadline is the name of the boot that the agent is now."""
RESTART_PAUSE = 0.5
"""Seconds before an agent that died is started again."""
GONE_WITHIN = 10.0
"""Seconds after which a process that outlives SIGKILL is no longer waited for: it is stuck in the kernel."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How all that a boot had started came to its end by the fence."""

    boot: str
    proof: Proof


class Fence:
    """One agent process after another, and the deadline of the one that runs.

    `ended` tells of the last boot that the fence has ended: a new agent can say of its forerunner that nothing is left.
    """

    def __init__(self) -> None:
        self.ended: Ended | None = None
        self._boot = ""
        self._stopping = False
        self._pid = 0
        # Signals arrive as bytes, so that one wait sees them, the line and the deadline.
        self._signals, self._wake = os.pipe()
        os.set_blocking(self._signals, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._usual = {number: signal.signal(number, lambda *_: None) for number in HEARD}

    def run(self) -> socket.socket | int:
        """Run the agent until it ends by itself or is told to; returns its exit code.

        In the agent, which is a fork of this process, it returns the agent's end of the line: once in each new one.
        """
        while True:
            line = self._start()
            if not self._pid:
                return line
            code, why = self._watch(line)
            proof = end_descendants()
            line.close()
            if code is not None and (code >= 0 or self._stopping):
                return code if code >= 0 else 128 - code
            log.warning("%s; %d processes were killed", why, sum(count for _, count in proof.signals))
            if self._boot:
                # One that died before it had a name has run nothing, and what is known of the one before stays known.
                self.ended, self._boot = Ended(self._boot, proof), ""
            if self._stopping or self._rest(RESTART_PAUSE):
                return 0
            log.warning("the agent is started again, as a new boot")

    def _start(self) -> socket.socket:
        """Our end of the line to a new agent, or in that one its own."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._pid = os.fork()
        if self._pid:
            theirs.close()
            return ours
        ours.close()
        be_called(AGENT)
        # A group of its own: the terminal's Ctrl-C reaches only the fence, which passes it on once.
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number, usual in self._usual.items():
            signal.signal(number, usual)
        os.close(self._signals)
        os.close(self._wake)
        return theirs

    def _watch(self, line: socket.socket) -> tuple[int | None, str]:
        """Until the agent has ended, with its exit code, or may not go on; and why."""
        deadline = math.inf
        while True:
            wait = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([line.fileno(), self._signals], [], [], wait)
            if self._signals in ready:
                self._pass_on()
            if line.fileno() in ready:
                told = line.recv(NAME)
                if not told:
                    # Killed: or it would have ended its tasks first, and told us.
                    return self._reap(block=True), "the agent died"
                if len(told) == DEADLINE.size:
                    (deadline,) = DEADLINE.unpack(told)
                else:
                    self._boot = told.decode()
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


def end_descendants() -> Proof:
    """KILL all that this process and its children ever started, until none is left; blocks for at most GONE_WITHIN."""
    killed: set[int] = set()
    began = time.monotonic()
    while (alive := _descendants(os.getpid())) and time.monotonic() < began + GONE_WITHIN:
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        killed |= alive
        _reap_all()
    if not killed:
        return Proof(BY, certain=True)
    took = time.monotonic() - began
    return Proof(BY, not alive, (("KILL", len(killed)),), seconds=took, after_kill=took)


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


def hide() -> None:
    """Let nobody of this process' own user look into it: its memory and environment have secrets, and tasks are of
    that user. Whatever program it starts may be looked into again (prctl(2), PR_SET_DUMPABLE). Linux only.
    """
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def adopt() -> None:
    """Become whom all that is started below this process belongs to when its own parent is gone (prctl(2),
    PR_SET_CHILD_SUBREAPER). Linux only.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def be_called(name: bytes) -> None:
    """Be told apart where processes are listed (prctl(2), PR_SET_NAME). Linux only."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, name, 0, 0, 0)
