"""Takes a cluster down when the process that owns it is gone, however it went: `python -m common.lab.guard HOME`.

It holds the reading end of a pipe whose writing end only the owner has. The kernel closes that one when
the owner ends, also by SIGKILL; then the guard does what the owner could not. It lives in a session of its
own, so that Ctrl-C at the terminal does not reach it.
"""

import os
import subprocess
import sys
from pathlib import Path

DISMISSED = b"dismissed"


class Guard:
    """From now on the cluster in `home` is taken down when this process ends, unless it dismisses the guard before."""

    def __init__(self, home: Path) -> None:
        from common.lab.home import MARK

        # If we ourselves run in a task of another cluster, its end must not take the guard with it.
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        command = [sys.executable, "-m", "common.lab.guard", str(home)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
        )

    def dismiss(self) -> None:
        """The cluster is gone, and its home may be another's by now: end, and do nothing."""
        self._process.communicate(DISMISSED)


def main(home: Path) -> None:
    """Wait for the owner's end; light until then."""
    if sys.stdin.buffer.read() == DISMISSED:
        return
    from common.lab.home import Home
    from common.lab.teardown import take_down

    take_down(Home(home))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
