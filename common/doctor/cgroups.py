"""What the kernel's control groups would let an agent do here: end a task's processes for sure, and limit them."""

from pathlib import Path

from common.doctor.verdicts import Checked, ok, unknown, warn
from common.executors.cgroups import LIMITS, hierarchies

NAME = "cgroups"
_ADVICE = (
    "where there is systemd: systemd-run --user -p Delegate=yes …, or Delegate=yes in the agent's unit; in a "
    "container: a writable /sys/fs/cgroup. Without, a process that escapes its task is looked for in /proc"
)


def check_cgroups(proc: Path = Path("/proc"), kernel: str | None = None) -> Checked:
    """Looks only; makes nothing. `proc` and `kernel` (its release) are those of this machine."""
    try:
        usable = [one for one in hierarchies(proc) if one.writable]
    except (OSError, ValueError, IndexError) as error:
        return unknown(NAME, f"this machine does not say: {error}", _ADVICE)
    kill = any(one.kills(kernel) for one in usable)
    limits = sorted(set().union(*(one.limits() for one in usable)))
    where = [str(one.directory) for one in usable if not one.controllers or one.limits()]
    seen = (
        f"{'cgroup.kill' if kill else 'no cgroup.kill'}; limits of {' and '.join(limits) or 'nothing'} "
        f"({', '.join(where) or 'none that may be written'})"
    )
    return ok(NAME, seen) if kill and len(limits) == len(LIMITS) else warn(NAME, seen, _ADVICE)
