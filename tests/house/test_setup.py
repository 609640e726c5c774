"""`.ci/setup` on a machine that has not got what it needs says what was found and what is needed."""

import subprocess
from pathlib import Path

from tests.house.pages import ROOT


def test_an_old_python_is_named_with_its_version_and_with_what_is_needed(tmp_path: Path) -> None:
    _program(tmp_path / "python3", "echo 3.9.2")
    _program(tmp_path / "python", "echo 2.7.18")
    ended = _set_up(tmp_path)
    assert ended.returncode != 0
    assert "needs Python 3.11 or newer; found: python3 is 3.9.2, python is 2.7.18." in ended.stderr


def test_a_machine_without_python_is_told_so(tmp_path: Path) -> None:
    ended = _set_up(tmp_path)
    assert ended.returncode != 0
    assert "needs Python 3.11 or newer; found: no python3 that runs." in ended.stderr


def test_an_old_python_that_was_asked_for_is_not_replaced_by_another(tmp_path: Path) -> None:
    _program(tmp_path / "python3", "echo 3.12.1")
    _program(tmp_path / "old", "echo 3.10.13")
    ended = _set_up(tmp_path, PYTHON="old")
    assert ended.returncode != 0
    assert "found: old is 3.10.13." in ended.stderr


def test_a_python_that_can_install_nothing_is_told_with_the_package_that_is_missing(tmp_path: Path) -> None:
    _program(tmp_path / "python3", 'case "$2" in *version_info*) echo 3.11.2 ;; *) exit 1 ;; esac')
    ended = _set_up(tmp_path)
    assert ended.returncode != 0
    assert "python3 (3.11.2) has neither pip nor the ensurepip module" in ended.stderr
    assert "apt install python3-venv" in ended.stderr


def test_a_newer_python_under_another_name_is_found(tmp_path: Path) -> None:
    _program(tmp_path / "python3", "echo 3.9.2")
    _program(tmp_path / "python3.13", 'case "$2" in *version_info*) echo 3.13.0 ;; *) exit 1 ;; esac')
    assert "python3.13 (3.13.0) has neither pip" in _set_up(tmp_path).stderr


def _program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def _set_up(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it in an empty folder, with nothing on PATH but what is in `path`."""
    command = ["/bin/sh", str(ROOT / ".ci" / "setup"), "run"]
    environment = {"PATH": str(path), "UV": ""} | environment
    return subprocess.run(command, cwd=path, env=environment, capture_output=True, text=True, check=False)
