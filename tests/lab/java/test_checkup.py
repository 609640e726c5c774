"""`dts doctor` tells whether real servers could run."""

from pathlib import Path

import pytest

from common.doctor.verdicts import Verdict
from common.lab.java import runtime
from common.lab.java.checkup import check_java
from common.lab.java.jars import Jar, all_jars


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of the right names and sizes, and a Java."""
    for jar in all_jars():
        put(jar, tmp_path)
    (tmp_path / "java").write_text("#!/bin/sh\necho 'openjdk version \"21.0.1\"'\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(runtime, "wheel_binary", lambda: None)
    return tmp_path


def put(jar: Jar, folder: Path) -> None:
    with (folder / jar.name).open("wb") as file:
        file.truncate(jar.size)


def test_where_all_is_there_it_says_what(folder: Path) -> None:
    checked = check_java(folder)
    assert checked.verdict is Verdict.OK
    assert checked.seen == f"ZooKeeper and Kafka, 51 jars in {folder}; Java 21.0.1 at {folder}/java"


def test_where_nothing_is_installed_nothing_is_wrong(tmp_path: Path) -> None:
    checked = check_java(tmp_path / "none")
    assert checked.verdict is Verdict.OK
    assert "not installed (`dts infra install`" in checked.seen


def test_jars_without_java_are_worth_knowing(folder: Path) -> None:
    (folder / "java").unlink()
    checked = check_java(folder)
    assert checked.verdict is Verdict.WARN
    assert "apt-get install default-jre-headless" in checked.advice


def test_jars_that_are_not_complete_are_worth_knowing(folder: Path) -> None:
    (folder / all_jars()[0].name).unlink()
    checked = check_java(folder)
    assert checked.verdict is Verdict.WARN
    assert "1 of its 6 jars are not in" in checked.advice
