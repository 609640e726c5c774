"""Failpoints: crash points in the code (RELIABILITY.md), where a test lets a process die, freeze or lose an answer.

    DTS_FAILPOINT=C11:kill:/some/file      at C11 the process kills itself, once: whoever makes the file

A test waits for the file, which holds the pid, so it need not guess when. Unless the variable is set when this is
imported, `failpoint` is a function that does nothing, some 30 ns a call. For tests alone.
"""

import os
import signal
from collections.abc import Callable

from common.domain.errors import Unanswered

VARIABLE = "DTS_FAILPOINT"


def _off(name: str) -> None:
    """Nothing happens here."""


def _armed(named: str) -> Callable[[str], None]:
    """`named` is POINT:ACTION:FILE; raises KeyError where there is no such action."""
    point, action, file = named.split(":", 2)
    act: Callable[[], None] = {
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "freeze": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "lose": _lose,
    }[action]

    def failpoint(name: str) -> None:
        if name != point:
            return
        try:
            # Once, for the agent comes back with the same environment.
            with open(file, "x") as reached:  # noqa: PTH123
                reached.write(str(os.getpid()))
        except FileExistsError:
            return
        act()

    return failpoint


def _lose() -> None:
    raise Unanswered("the answer was lost at a failpoint")


failpoint = _armed(os.environ[VARIABLE]) if VARIABLE in os.environ else _off
"""Called at a crash point with its name."""
