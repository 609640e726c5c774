"""Is this machine fit to run an agent and a stage: Python, libraries, limits, ports, its home, executors?"""

import os
import platform
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from common.doctor.cgroups import check_cgroups
from common.doctor.verdicts import Checked, bad, ok, warn
from common.domain.errors import BadSetting, DtsError
from common.executors.context import ExecutorContext
from common.executors.lookup import load_executors
from common.settings import Settings

OLDEST = (3, 11)
LIBRARIES = ("redis", "hiredis", "click", "pydantic", "psutil", "rich")
FILES_PER_TASK, FILES_BESIDE = 8, 100
"""Descriptors that an agent needs: pipes and the like of each task; connections, logs and libraries."""
PROCESSES_PER_TASK = 10
"""What a task usually starts is far less; a build, say, starts as many."""
ROOM = 1_073_741_824
"""Bytes that should be free on the disk of the home."""


def machine_checks(settings: Settings, ports: Callable[[], Iterator[int]]) -> Iterator[Checked]:
    """All of them; nothing is made or changed. `ports` gives free ones, or raises a DtsError that says why not."""
    yield _python()
    yield _libraries()
    yield _files(settings.slots)
    yield _processes(settings.slots)
    yield check_cgroups()
    yield _ports(ports)
    yield _home(settings.home)
    yield _executors(settings)


def _python() -> Checked:
    seen = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < OLDEST:
        return bad("python", seen, f"use Python {OLDEST[0]}.{OLDEST[1]} or newer")
    return ok("python", seen)


def _libraries() -> Checked:
    versions = {name: _version(name) for name in ("dts", *LIBRARIES)}
    seen = ", ".join(f"{name} {number or '–'}" for name, number in versions.items())
    missing = [name for name, number in versions.items() if not number]
    if missing:
        return warn("libraries", seen, f"not installed: {', '.join(missing)}; `pip install dts` brings them")
    return ok("libraries", seen)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _files(slots: int) -> Checked:
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_PER_TASK * slots + FILES_BESIDE
    seen = f"{_limit(limit)} open files; {slots} slots need about {needed}"
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return ok("open files", seen)
    how = f"ulimit -n {needed}" if most in (resource.RLIM_INFINITY, max(most, needed)) else "LimitNOFILE= in its unit"
    return bad("open files", seen, f"{how}, or fewer DTS_SLOTS: tasks would end with AGENT_ERROR")


def _processes(slots: int) -> Checked:
    limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    needed = PROCESSES_PER_TASK * slots
    if limit == resource.RLIM_INFINITY or os.geteuid() == 0:
        return ok("processes", "no limit for this user")
    room = limit - _own_threads()
    seen = f"room for {room} of {limit}; {slots} slots may need {needed}"
    if room >= needed:
        return ok("processes", seen)
    return warn("processes", seen, f"ulimit -u {limit + needed}, or fewer DTS_SLOTS: tasks could not start any more")


def _own_threads() -> int:
    """What the kernel counts against the limit: this user's threads."""
    attributes = psutil.process_iter(["uids", "num_threads"])
    mine = (one.info for one in attributes if one.info["uids"] and one.info["uids"].real == os.getuid())
    return sum(info["num_threads"] or 1 for info in mine)


def _limit(number: int) -> str:
    return "unlimited" if number == resource.RLIM_INFINITY else str(number)


def _ports(ports: Callable[[], Iterator[int]]) -> Checked:
    try:
        return ok("ports", f"{next(ports())} is free, as others are")
    except DtsError as error:
        return bad("ports", str(error), "`dts up` and `dts demo` need some: ss -ltn shows who has them")


def _home(home: Path) -> Checked:
    home = home.absolute()
    place = next(path for path in (home, *home.parents) if path.exists())
    if not place.is_dir():
        return bad("home", f"{place} is no directory", "set DTS_HOME to a directory")
    if not os.access(place, os.W_OK | os.X_OK):
        return bad("home", f"{place} can't be written to", "set DTS_HOME to a directory that can, or change its rights")
    free = shutil.disk_usage(place).free
    seen = f"{home}{'' if place == home else ' (will be made)'}, {free / ROOM:.1f} GiB free"
    if free < ROOM:
        return warn("home", seen, "make room, or set DTS_HOME to another disk: tasks work there, servers write there")
    return ok("home", seen)


def _executors(settings: Settings) -> Checked:
    context = ExecutorContext(work_dir=settings.work_dir or settings.home / "work")
    try:
        return ok("executors", ", ".join(sorted(load_executors(settings.executors, context))))
    except BadSetting as error:
        return bad("executors", str(error), "correct DTS_EXECUTORS, or the package that offers it: no agent starts so")
