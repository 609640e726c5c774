"""Tether: the agent's end of the line to its fence."""

import contextlib
import math
import os
import socket
import sys
import threading
from collections.abc import Callable

from stage1_mvp import fence


class Tether:
    """Tells the fence until when it may count on this process, and notices when the fence is gone.

    Without a fence (in a test, or where there is no Linux) it does nothing. Safe to call from many threads.
    """

    def __init__(self, line: socket.socket | None = None, ended: fence.Ended | None = None) -> None:
        """`ended` is the boot that the fence has ended before it started this process."""
        self._line, self.ended = line, ended
        self._cut: Callable[[], None] = lambda: None
        if line is not None:
            threading.Thread(target=self._watch, args=[line], name="tether", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process to be signalled by whoever wants to stop this agent."""
        return self.fence or os.getpid()

    @property
    def fence(self) -> int | None:
        """The pid of the fence, if there is one."""
        return None if self._line is None else os.getppid()

    def name(self, boot: str) -> None:
        """The boot that this process is from now on."""
        self._tell(boot.encode())

    def promise(self, deadline: float) -> None:
        """Until this monotonic time a lease covers what runs here; later none of it may be alive."""
        self._tell(fence.DEADLINE.pack(deadline))

    def nothing_runs(self) -> None:
        """There is nothing to fence until the next promise."""
        self.promise(math.inf)

    def when_cut(self, act: Callable[[], None]) -> None:
        """What to do when the fence is gone: from then on nobody could end what we run."""
        self._cut = act

    def _tell(self, message: bytes) -> None:
        if self._line is not None:
            # Where the fence is gone, whoever watches the line sees that too.
            with contextlib.suppress(OSError):
                self._line.send(message)

    def _watch(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError):
            line.recv(1)
        self._cut()


def tie() -> Tether:
    """The tether of this process, which is a fork of the one that called: that one is its fence from here on.

    To be called before any thread is started. It returns once in each agent that the fence starts, and in the fence
    never; that ends with the agent's exit code. Without a fence where there is no Linux.
    """
    if not sys.platform.startswith("linux"):
        return Tether()
    fence.hide()
    fence.adopt()
    fence.be_called(fence.FENCE)
    parent = fence.Fence()
    found = parent.run()
    if isinstance(found, socket.socket):
        return Tether(found, parent.ended)
    sys.stderr.flush()
    # Whatever else a process does at its end is the agent's to do.
    os._exit(found)
