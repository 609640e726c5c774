"""Small stages for tests, and the check that nothing is left of a cluster."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from common.lab.cluster import Cluster
from common.lab.home import MARK, Home
from common.lab.processes import marked
from common.lab.stages import REDIS, MemberSpec, StageSpec

Run = Callable[..., "subprocess.Popen[bytes]"]


def stage_of(*specs: MemberSpec) -> StageSpec:
    """A stage of just these members."""
    return StageSpec(9, "a stage of a test", lambda _: specs)


def shell(name: str, text: str, role: str = "sleeper") -> MemberSpec:
    """A member that runs a shell script."""
    return MemberSpec(name, role, ("sh", "-c", text))


def python(name: str, text: str, role: str = "agent") -> MemberSpec:
    """A member that runs a Python script."""
    return MemberSpec(name, role, (sys.executable, "-c", text))


SLEEPERS = stage_of(shell("sleeper-1", "exec sleep 1000"), shell("sleeper-2", "exec sleep 1000"))
SERVER_AND_SLEEPER = stage_of(REDIS, shell("sleeper-1", "exec sleep 1000"))


def states(cluster: Cluster) -> dict[str, str]:
    """Of all members, by their names."""
    return {member.name: member.state for member in cluster.members()}


def nothing_left_of(home: Path) -> bool:
    """Whether neither a process nor a file of a cluster in `home` is there, nor its guard; says what is."""
    assert not home.exists(), [folder for folder, _, _ in os.walk(home)]
    processes = marked(MARK, str(Home(home).path))
    assert not processes, processes
    naming = [one.info for one in psutil.process_iter(["pid", "cmdline"]) if str(home) in (one.info["cmdline"] or [])]
    assert not naming, naming
    return True
