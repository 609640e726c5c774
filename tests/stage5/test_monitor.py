"""`dts monitor` says what it lacks; what it writes are the files of the repository, made to fit."""

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from common.cli.exits import Exit
from common.cli.root import root
from common.clock import SystemClock
from common.domain.ids import Ids
from common.lab.errors import MissingServer
from common.service import Host
from common.settings import Settings
from common.store.tasks import TaskStore
from stage4_api.api.app import create_app
from stage4_api.api.server import ApiServer
from stage4_api.store_service import StoreService
from stage5_ops.monitoring.configuration import Site, hurried, write
from stage5_ops.monitoring.programs import PROGRAMS, program
from tests.servers import FakeAt

SITE = Site("http://api.internal:8000", "t0k3n", "127.0.0.1:1111", "127.0.0.1:2222", hurry=10)


@pytest.fixture(autouse=True)
def _nothing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DTS_API_URL", "DTS_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DTS_HOME", str(tmp_path / "home"))


def _monitor() -> tuple[int, str]:
    done = CliRunner().invoke(root, ["monitor"], prog_name="dts")
    return done.exit_code, done.stderr


def test_where_nothing_runs_it_says_what_to_start() -> None:
    code, told = _monitor()
    assert code == Exit.UNREACHABLE
    assert "`dts up 5 -d` starts one" in told


def test_an_api_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DTS_API_URL", "http://127.0.0.1:1")
    code, told = _monitor()
    assert code == Exit.UNREACHABLE
    assert "can't reach the API at http://127.0.0.1:1" in told


def test_an_api_that_tells_no_figures_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with _api_of_stage_4() as url:
        monkeypatch.setenv("DTS_API_URL", url)
        code, told = _monitor()
    assert code == Exit.UNREACHABLE
    assert f"the API at {url} tells no figures; that of stage 5 does" in told


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_missing_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingServer, match=f"no {name} on PATH: apt-get install {PROGRAMS[name][0]}, or"):
        program(name)
    for found in PROGRAMS[name][1]:
        (tmp_path / found).touch(mode=0o755)
        assert program(name).parent == tmp_path


def test_the_files_that_are_written_fit_who_is_watched_and_who_watches(tmp_path: Path) -> None:
    write(tmp_path, SITE)
    assert "url: http://api.internal:8000/metrics/targets" in (tmp_path / "prometheus.yml").read_text()
    assert 'targets: ["127.0.0.1:1111"]' in (tmp_path / "prometheus.yml").read_text()
    assert "url: http://127.0.0.1:2222/alerts" in (tmp_path / "alertmanager.yml").read_text()


def test_only_the_owner_can_read_the_token(tmp_path: Path) -> None:
    write(tmp_path, SITE)
    token = tmp_path / "dts-token"
    assert token.read_text() == "t0k3n"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert not [path for path in tmp_path.iterdir() if path != token and "t0k3n" in path.read_text()]


def test_who_hurries_waits_and_looks_back_for_less_and_asks_the_same() -> None:
    rule = "expr: changes(dts:leader_epoch:max[30m]) > 3 and time() - x > 30\nfor: 5m\nrecord: dts:attempts:rate5m"
    assert hurried(rule, 10) == (
        "expr: changes(dts:leader_epoch:max[180s]) > 3 and time() - x > 30\nfor: 30s\nrecord: dts:attempts:rate5m"
    )
    assert hurried("for: 30s", 10) == "for: 8s", "Prometheus itself needs a while to begin"
    assert hurried("scrape_interval: 15s\nrepeat_interval: 4h", 10) == "scrape_interval: 2s\nrepeat_interval: 4h"
    assert hurried(rule, 1) == rule


def test_every_time_that_rules_wait_or_look_back_for_is_hurried() -> None:
    folder = Path(__file__).parents[2] / "stage5_ops" / "monitoring"
    for name in ("rules.yml", "alerts.yml"):
        text = (folder / name).read_text()
        assert re.findall(r"\bfor: \d+[smh]|\[\d+[smh]\]", hurried(text, 10)) != []
        assert re.findall(r"\d+[mh]\]|\bfor: \d+[mh]", hurried(text, 10)) == []


@contextmanager
def _api_of_stage_4() -> Iterator[str]:
    clock = SystemClock()
    ids, settings = Ids(clock), Settings.load({}, api_listen="127.0.0.1:0", api="api-1")
    app = create_app(StoreService(TaskStore(FakeAt().client()), ids), settings, clock, ids, ready=str)
    server = ApiServer(app, settings)
    host = Host([server], clock)
    host.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        host.stop()
