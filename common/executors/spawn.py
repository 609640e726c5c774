"""Starting a process, and saying in plain words why one could not be started."""

import errno
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.domain.result import Reason, Result, failure
from common.executors.enclosure import NO_LIMITS, LimitNotKept, TaskLimits

_MACHINE = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
)
"""Errors that tell of the agent's machine, whatever the task asked for."""

_WORDS = {
    errno.ENOEXEC: "no program for this machine (a script needs a first line such as #!/bin/sh)",
    errno.E2BIG: "its arguments and environment are longer than this machine takes; put them into a file",
    errno.ETXTBSY: "somebody is still writing to it",
    errno.ENAMETOOLONG: "that is too long for the name of a program",
    errno.EISDIR: "that is a directory",
}


@dataclass(frozen=True, slots=True)
class Command:
    """One process to run, and how long it may take. Times are seconds."""

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    mark: Mapping[str, str]
    """The part of `env` by which its descendants are told from all other processes."""
    timeout: float
    grace: float
    linger: float
    limits: TaskLimits = NO_LIMITS
    """Its own, beside those that its agent sets for each task."""


def spawn(command: Command, output: int) -> subprocess.Popen[bytes]:
    """Start it as the leader of a session of its own; `output` takes what it prints. Raises OSError or ValueError."""
    return subprocess.Popen(
        command.argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        close_fds=True,
        cwd=command.cwd,
        env=command.env,
    )


def spawn_failure(command: Command, error: OSError | ValueError) -> Result:
    """The end of an attempt whose process could not be started: SPAWN_ERROR, or AGENT_ERROR where we are to blame."""
    name = command.argv[0]
    if isinstance(error, ValueError):
        return failure(Reason.SPAWN_ERROR, f"can't be given to a program: {error}")
    if error.errno in _MACHINE or error.filename == command.cwd:
        return machine_failure(error)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return failure(Reason.SPAWN_ERROR, _not_found(command))
    if error.errno == errno.EACCES:
        return failure(Reason.SPAWN_ERROR, f"not executable: {name!r}; is it a program, and has it the x right?")
    words = _WORDS.get(error.errno or 0, error.strerror or str(error))
    return failure(Reason.SPAWN_ERROR, f"can't start {name!r}: {words}")


def machine_failure(error: OSError) -> Result:
    """The end of an attempt that this machine could not run; it goes back to be run elsewhere or later."""
    where = f" ({error.filename})" if error.filename else ""
    return failure(Reason.AGENT_ERROR, f"the agent's machine can't run it now: {error.strerror}{where}")


def limit_failure(error: LimitNotKept) -> Result:
    """The end of an attempt whose limits this machine can't keep; it goes back to be run elsewhere."""
    return failure(Reason.AGENT_ERROR, f"not started, for a limit that it asks for can't be kept: {error}")


def _not_found(command: Command) -> str:
    name = command.argv[0]
    if "/" in name and Path(command.cwd, name).exists():
        return f"can't start {name!r}: the interpreter named in its first line is missing"
    if "/" in name:
        return f"command not found: {name!r}; there is no such file on the agent's machine"
    return f"command not found: {name!r}; it is in no directory of PATH={command.env.get('PATH', '')}"
