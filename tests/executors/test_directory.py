import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.domain.result import Reason
from common.domain.status import Status
from common.executors.directory import Directories, remove_directory
from tests.executors.conftest import Start, task_of

NOBODY = 65534


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A directory in which this process is an ordinary user, for whom read-only means read-only."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() != 0:
            yield Path(name)
            return
        os.chown(name, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def stubborn(directory: Path) -> None:
    (directory / "read-only" / "deeper").mkdir(parents=True)
    (directory / "read-only" / "file").write_text("x")
    (directory / "closed").mkdir()
    (directory / "closed" / "file").write_text("x")
    (directory / "read-only" / "deeper").chmod(0o500)
    (directory / "read-only").chmod(0o500)
    (directory / "closed").chmod(0)


def test_it_is_removed_with_read_only_directories_in_it(unprivileged: Path) -> None:
    directory = Directories(unprivileged / "work").make(task_of("x"), {})
    stubborn(directory)
    directory.chmod(0o500)
    remove_directory(directory)
    assert not directory.exists()


def test_links_in_it_are_not_followed(unprivileged: Path) -> None:
    outside = unprivileged / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    outside.chmod(0o500)
    directory = Directories(unprivileged / "work").make(task_of("x"), {})
    (directory / "link").symlink_to(outside)
    stubborn(directory)
    remove_directory(directory)
    assert not directory.exists()
    assert (outside / "kept").exists()
    assert outside.stat().st_mode & 0o777 == 0o500


def test_what_can_not_be_removed_is_logged(unprivileged: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = Directories(unprivileged / "work").make(task_of("x"), {})
    directory.parent.chmod(0o500)
    remove_directory(directory)
    assert f"{directory} can't be removed" in caplog.text
    directory.parent.chmod(0o700)


def test_a_tree_too_deep_for_us_is_removed_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    deep = tmp_path / "deep"
    subprocess.run(["sh", "-c", f"mkdir -p {deep}/$(printf 'd/%.0s' $(seq 1500))"], check=True)
    remove_directory(deep)
    assert not deep.exists() or "can't be removed" in caplog.text
    subprocess.run(["rm", "-rf", deep], check=True)


def test_a_directory_that_is_already_gone_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    remove_directory(tmp_path / "gone")
    assert caplog.text == ""


def test_a_task_may_remove_its_own_directory(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    assert start('rmdir "$PWD"').result().status is Status.SUCCESS
    assert caplog.text == ""


def test_what_a_task_leaves_in_it_goes_with_the_task(start: Start, context: Any) -> None:
    attempt = start("mkdir -p a/b; touch a/b/c; chmod 500 a/b a; mktemp")
    assert attempt.result().status is Status.SUCCESS
    assert attempt.log.startswith(str(context.work_dir))
    assert list(context.work_dir.iterdir()) == []


def test_the_directory_of_a_killed_agent_is_not_taken_over(tmp_path: Path) -> None:
    directories, task = Directories(tmp_path), task_of("x")
    first = directories.make(task, {})
    (first / "file").write_text("of another")
    second = directories.make(task, {"script": "text"})
    assert first != second
    assert [entry.name for entry in second.iterdir()] == ["script"]
    assert second.stat().st_mode & 0o777 == 0o700


def test_a_machine_that_can_not_make_one_hands_the_task_back(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = start("true", settings={"work_dir": tmp_path / "file" / "work"}).result()
    assert (result.reason, result.handed_back) == (Reason.AGENT_ERROR, True)
    assert str(tmp_path / "file") in result.error
