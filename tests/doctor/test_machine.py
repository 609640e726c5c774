"""Each check of the machine sees what is wrong with it, and says what to do."""

import os
import resource
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from common.doctor import machine
from common.doctor.machine import machine_checks
from common.doctor.verdicts import Checked, Verdict
from common.lab.errors import NoFreePort
from common.settings import Settings


def ports() -> Iterator[int]:
    yield 15_000


def no_ports() -> Iterator[int]:
    yield from (_ for _ in ())
    raise NoFreePort("no free port")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load({}, home=tmp_path / "home", slots=4)


def check(name: str, settings: Settings, ports: object = ports) -> Checked:
    checks = {checked.name: checked for checked in machine_checks(settings, ports)}  # type: ignore[arg-type]
    assert all(bool(checked.advice) == (checked.verdict is not Verdict.OK) for checked in checks.values())
    return checks[name]


def test_this_machine_is_fit_to_run_its_tests(settings: Settings, tmp_path: Path) -> None:
    before = list(tmp_path.iterdir())
    for name in ("python", "libraries", "open files", "ports", "home", "executors"):
        assert check(name, settings).verdict is Verdict.OK, check(name, settings)
    assert list(tmp_path.iterdir()) == before
    assert "redis " in check("libraries", settings).seen
    assert check("executors", settings).seen == "PYTHON, SHELL"
    assert check("ports", settings).seen.startswith("15000")
    assert check("home", settings).seen.startswith(f"{tmp_path}/home (will be made)")


def test_an_old_python_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "OLDEST", (4, 0))
    assert check("python", settings).verdict is Verdict.BAD


def test_a_missing_library_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "hiredis":
            raise PackageNotFoundError
        return "1.0"

    monkeypatch.setattr(machine, "version", version)
    checked = check("libraries", settings)
    assert (checked.verdict, "hiredis –" in checked.seen, "hiredis" in checked.advice) == (Verdict.WARN, True, True)


@pytest.mark.parametrize(
    ("limits", "verdict", "advice"),
    [
        ((131, 131), Verdict.BAD, "LimitNOFILE"),
        ((131, 4096), Verdict.BAD, "ulimit -n 132"),
        ((131, resource.RLIM_INFINITY), Verdict.BAD, "ulimit -n 132"),
        ((132, 132), Verdict.OK, ""),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), Verdict.OK, ""),
    ],
)
def test_open_files_must_do_for_all_slots(
    limits: tuple[int, int], verdict: Verdict, advice: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    checked = check("open files", settings)
    assert checked.verdict is verdict
    assert checked.advice.startswith(advice)


@pytest.mark.parametrize(("room", "verdict"), [(39, Verdict.WARN), (40, Verdict.OK)])
def test_processes_must_do_for_all_slots(
    room: int, verdict: Verdict, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = [
        SimpleNamespace(info={"uids": SimpleNamespace(real=uid), "num_threads": threads})
        for uid, threads in ((7, 3), (7, None), (8, 100))
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda _: iter(running))
    monkeypatch.setattr(os, "getuid", lambda: 7)
    monkeypatch.setattr(os, "geteuid", lambda: 7)
    monkeypatch.setattr(
        resource, "getrlimit", lambda which: (4 + room if which == resource.RLIMIT_NPROC else 9999,) * 2
    )
    assert check("processes", settings).verdict is verdict


def test_a_root_user_has_no_limit_of_processes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (200, 200))
    assert check("processes", settings).verdict is Verdict.OK


def test_no_free_port_is_told(settings: Settings) -> None:
    assert check("ports", settings, no_ports).verdict is Verdict.BAD


def test_a_home_within_a_file_is_none(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    assert check("home", settings).verdict is Verdict.BAD
    assert "no directory" in check("home", settings.model_copy(update={"home": tmp_path / "home" / "deep"})).seen


def test_a_home_that_can_not_be_written_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "can't be written" in check("home", settings).seen


def test_a_full_disk_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert check("home", settings).verdict is Verdict.WARN


def test_an_executor_that_can_not_be_loaded_is_told(settings: Settings) -> None:
    checked = check("executors", settings.model_copy(update={"executors": {"HTTP": "nowhere.at:All"}}))
    assert (checked.verdict, "nowhere" in checked.seen) == (Verdict.BAD, True)
