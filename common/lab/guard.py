"""Takes a cluster down when the process that owns it is gone, however it went: `python -m common.lab.guard HOME`.

It holds the reading end of a pipe whose writing end only the owner has. The kernel closes that one when
the owner ends, also by SIGKILL; then the guard does what the owner could not. It lives in a session of its
own, so that Ctrl-C at the terminal does not reach it.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

DISMISSED = b"dismissed"


@contextlib.contextmanager
def guarded(home: Path) -> Iterator[None]:
    """Whatever cluster is in `home` is taken down when this process dies within the block, or leaves it by an error."""
    guard = _start(home)
    try:
        yield
    except BaseException:
        guard.communicate()
        raise
    guard.communicate(DISMISSED)


def _start(home: Path) -> "subprocess.Popen[bytes]":
    from common.lab.home import MARK

    # If we ourselves run in a task of another cluster, its end must not take the guard with it.
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    command = [sys.executable, "-m", "common.lab.guard", str(home)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
    )


def main(home: Path) -> None:
    """Wait for the owner's end; light until then."""
    if sys.stdin.buffer.read() == DISMISSED:
        return
    from common.lab.home import Home
    from common.lab.teardown import take_down

    take_down(Home(home))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
