"""What the exit codes of `dts` mean; scripts rely on them."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit code of a command; where several things were asked for, the largest one is given."""

    OK = 0
    FAILED = 1
    """The task that was waited for failed or was cancelled; a claim that was checked is broken."""
    USAGE = 2
    """The command line or a setting is wrong, or the question could not be answered."""
    NOT_FOUND = 3
    REFUSED = 4
    """The server understood and said no: the id is taken, the task is final, the queue is full."""
    UNREACHABLE = 5
    """No server, or one that must not be used."""
    BUG = 70
    """An error that dts did not expect; a traceback is shown."""
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    """The reader went away, as in `dts list | head -1`."""


EXIT_HELP = (
    "0 done · 1 the task failed, or a claim is broken · 2 wrong usage, or could not tell · 3 not found · "
    "4 refused (id taken, already final, queue full) · 5 server can't be reached · 130 interrupted"
)
