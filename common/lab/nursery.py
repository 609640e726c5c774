"""The nursery: a process that has loaded what the roles of a stage need, and from which they are forked.

Each of them would load the same for most of a second, and hold it in memory of its own. The nursery is there while a
cluster starts; for as long as that is there where its roles are going to be hurt. A role that is started by another
command loads what it needs by itself.

    python -m common.lab.nursery FD MODULE… ....        reads orders from the socket FD, until that is closed
"""

import contextlib
import ctypes
import errno
import gc
import importlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WITHIN = 60.0
"""Seconds in which all must be loaded."""
LOADED = b"loaded\n"
ROOM = "." * 200
"""Its last argument, which does nothing: the kernel shows a process' command line where it stood when it started."""


class Nursery:
    """Starts members of one cluster. Used by one thread; it is gone when it is closed, or when this process ends."""

    def __init__(self, modules: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path) -> None:
        """Begin to load `modules`, which takes a while; `env` is what all that it starts show as their environment."""
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab") as output:
            command = [sys.executable, "-m", "common.lab.nursery", str(theirs.fileno()), *modules, ROOM]
            self._process = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        ours.settimeout(WITHIN)
        self._line = ours.makefile("rwb")
        ours.close()

    def loaded(self) -> bool:
        """Wait until all is loaded; False where it can't be, or takes longer than WITHIN: its log says why."""
        try:
            return self._line.readline() == LOADED
        except OSError:
            return False

    def start(self, argv: Sequence[str], env: Mapping[str, str], log: Path) -> int:
        """Start `[python, "-m", PACKAGE, …]` in a session of its own, and return its pid; it writes to `log`.

        To be called when all is loaded. Raises OSError where that process is gone.
        """
        order = {"argv": list(argv), "env": dict(env), "log": str(log)}
        self._line.write(json.dumps(order).encode() + b"\n")
        self._line.flush()
        pid = self._line.readline()
        if not pid:
            raise OSError(errno.EPIPE, "the process from which it is forked has ended")
        return int(pid)

    def close(self) -> None:
        """End it, whatever it does; what it started goes on, and belongs to nobody here."""
        with contextlib.suppress(OSError):
            self._line.close()
        self._process.kill()
        self._process.wait()


def serve(line: socket.socket) -> dict[str, Any]:
    """Start what is ordered; returns in each process that was started, with the order. The nursery itself ends here."""
    # What ends while we are there is not waited for by anybody.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Objects that the collector never touches stay in pages that all share.
    gc.collect()
    gc.freeze()
    orders = line.makefile("rb")
    while text := orders.readline():
        order: dict[str, Any] = json.loads(text)
        if pid := os.fork():
            line.sendall(b"%d\n" % pid)
        else:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return order
    sys.exit()


def be(order: Mapping[str, Any]) -> None:
    """Be the process that was ordered, as if it had been started by its command line. Its package is loaded."""
    _python, _m, package, *words = order["argv"]
    os.setsid()
    output = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(order["env"])
    show_as(shlex.join(order["argv"]))
    module = sys.modules[f"{package}.__main__"]
    sys.argv = [str(module.__file__), *words]
    module.main(words, prog_name=f"python -m {package}")


def show_as(title: str) -> None:
    """Let `ps` show this command line, as far as there is room in the one with which this process was started."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    # The 48th and 49th field of proc(5), counted from the third.
    begin, end = int(fields[45]), int(fields[46])
    ctypes.memmove(begin, title.encode()[: end - begin - 1].ljust(end - begin, b"\0"), end - begin)


def main(number: str, *names: str) -> None:
    """Load the modules, then start what is ordered."""
    for name in names:
        importlib.import_module(name)
    with socket.socket(fileno=int(number)) as line:
        line.sendall(LOADED)
        order = serve(line)
    be(order)


if __name__ == "__main__":
    main(*sys.argv[1:-1])
