"""What control groups would let an agent do, told from the files in which the kernel says it."""

import os
from pathlib import Path
from typing import Any

import pytest

from common.doctor.cgroups import check_cgroups
from common.doctor.verdicts import Verdict

NEW, OLD = "6.1.0-18-amd64", "5.10.0"
Mount = tuple[str, str, str]
"""What is mounted below the directory, the kind, its options."""


class Machine:
    """One that mounts its groups below `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "proc" / "self").mkdir(parents=True)

    def says(self, groups: str, *mounts: Mount, root: str = "/") -> None:
        here = str(self.path).replace(" ", "\\040")
        lines = [
            f"{number} 24 0:{number} {root} {here}/{name} rw,nosuid shared:9 - {kind} {kind} {options}"
            for number, (name, kind, options) in enumerate(mounts, 30)
        ]
        (self.path / "proc" / "self" / "cgroup").write_text(groups)
        (self.path / "proc" / "self" / "mountinfo").write_text("".join(f"{line}\n" for line in lines))

    def group(self, name: str, **files: str) -> Path:
        group = self.path / name
        group.mkdir(parents=True)
        for file, text in files.items():
            (group / file.replace("_", ".")).write_text(text)
        return group

    def check(self, kernel: str = NEW) -> tuple[Verdict, str]:
        checked = check_cgroups(self.path / "proc", kernel)
        assert bool(checked.advice) == (checked.verdict is not Verdict.OK)
        return checked.verdict, checked.seen.replace(f"{self.path}/", "")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "a b")


def test_version_2_can_do_all(machine: Machine) -> None:
    machine.says("0::/user.slice/me\n", ("fs", "cgroup2", "rw"))
    machine.group("fs/user.slice/me", cgroup_controllers="cpu memory pids\n")
    verdict, seen = machine.check()
    assert (verdict, seen) == (Verdict.OK, "cgroup.kill; limits of memory and pids (fs/user.slice/me)")
    assert machine.check(OLD)[1].startswith("no cgroup.kill; limits")


def test_a_kernel_is_asked_by_its_file_too(machine: Machine) -> None:
    machine.says("0::/me\n", ("fs", "cgroup2", "rw"))
    machine.group("fs/me", cgroup_controllers="memory pids\n", cgroup_kill="")
    assert machine.check(OLD)[0] is Verdict.OK


def test_a_container_sees_only_its_part(machine: Machine) -> None:
    machine.says("0::/docker/1234/inner\n", ("fs", "cgroup2", "rw"), root="/docker/1234")
    machine.group("fs/inner", cgroup_controllers="memory pids\n")
    assert machine.check() == (Verdict.OK, "cgroup.kill; limits of memory and pids (fs/inner)")


def test_without_controllers_there_are_no_limits(machine: Machine) -> None:
    machine.says("0::/\n", ("fs", "cgroup2", "rw"))
    machine.group("fs", cgroup_controllers="cpu\n")
    assert machine.check() == (Verdict.WARN, "cgroup.kill; limits of nothing (fs)")


HYBRID: list[Mount] = [
    ("memory", "cgroup", "rw,memory"),
    ("pids", "cgroup", "rw,pids"),
    ("both", "cgroup", "rw,cpu,cpuacct"),
    ("systemd", "cgroup", "rw,name=systemd"),
    ("unified", "cgroup2", "rw,nsdelegate"),
]
HYBRID_GROUPS = "5:cpu,cpuacct:/\n4:memory:/agents\n3:pids:/\n2:name=systemd:/\n0::/\n"


def test_the_hybrid_layout_kills_by_version_2_and_limits_by_version_1(machine: Machine) -> None:
    machine.says(HYBRID_GROUPS, *HYBRID)
    for name in ("memory/agents", "pids", "both", "systemd", "unified"):
        machine.group(name)
    assert machine.check() == (Verdict.OK, "cgroup.kill; limits of memory and pids (memory/agents, pids, unified)")


def test_what_may_not_be_written_is_of_no_use(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.says(HYBRID_GROUPS, *HYBRID)
    for name in ("memory/agents", "pids", "both", "systemd", "unified"):
        machine.group(name)
    allowed = os.access

    def access(path: Any, mode: int) -> bool:
        return allowed(path, mode) and Path(path).name == "pids"

    monkeypatch.setattr(os, "access", access)
    assert machine.check() == (Verdict.WARN, "no cgroup.kill; limits of pids (pids)")


def test_a_machine_without_groups_is_told(machine: Machine) -> None:
    machine.says("")
    assert machine.check() == (Verdict.WARN, "no cgroup.kill; limits of nothing (none that may be written)")


def test_a_machine_that_does_not_say_can_not_be_told(machine: Machine) -> None:
    assert machine.check()[0] is Verdict.UNKNOWN
    machine.says("nonsense\n")
    assert machine.check()[0] is Verdict.UNKNOWN
