"""Which server a command asks: the flag, the environment, the stage that runs here, in this order."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from common.cli.options import tasks_option
from common.cli.where import ENV_FILE, backend, place_of, running_here
from common.client import Client
from common.domain.errors import Unavailable


def asked(redis_url: str | None = None) -> str:
    with backend(click.Context(click.Command("x")), redis_url) as place:
        options = place.redis.connection_pool.connection_kwargs
        return f"{options['host']}:{options['port']}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def running(home: Path) -> None:
    (home / ENV_FILE).parent.mkdir(parents=True)
    (home / ENV_FILE).write_text("export DTS_REDIS_URL='redis://127.0.0.1:1111/0'\n")


@pytest.mark.usefixtures("running")
def test_the_stage_that_runs_here_is_found_without_being_named() -> None:
    assert asked() == "127.0.0.1:1111"


@pytest.mark.usefixtures("running")
def test_the_environment_goes_before_the_stage_and_the_flag_before_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DTS_REDIS_URL", "redis://127.0.0.1:2222/0")
    assert asked() == "127.0.0.1:2222"
    assert asked("redis://127.0.0.1:3333/0") == "127.0.0.1:3333"


def test_where_nothing_runs_and_nothing_is_named_there_is_no_server(home: Path) -> None:
    with pytest.raises(Unavailable, match=f"no stage runs in {home}"):
        asked()


def test_the_file_is_read_as_a_shell_would(home: Path) -> None:
    (home / ENV_FILE).parent.mkdir(parents=True)
    (home / ENV_FILE).write_text("# for eval\nexport A='1 2'\n\nexport B='it'\"'\"'s'\nexport C=\n")
    assert running_here(home) == {"A": "1 2", "B": "it's", "C": ""}


@click.command()
@tasks_option
@click.pass_context
def where(ctx: click.Context, redis_url: str | None) -> None:
    with place_of(ctx, redis_url) as place:
        click.echo("api" if isinstance(place.tasks, Client) else "store")


def found(*args: str) -> str:
    return str(CliRunner().invoke(where, args).output).strip()


API, REDIS = "http://127.0.0.1:1", "redis://127.0.0.1:1/0"


@pytest.mark.usefixtures("running")
def test_a_stage_with_an_api_is_asked_by_it_and_one_without_at_its_store(home: Path) -> None:
    assert found() == "store"
    with (home / ENV_FILE).open("a") as more:
        more.write(f"export DTS_API_URL='{API}'\nexport DTS_API_TOKEN='t'\n")
    assert found() == "api"
    assert found("--redis-url", REDIS) == "store"


def test_an_option_goes_before_the_environment_and_the_api_before_the_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DTS_REDIS_URL", REDIS)
    assert found() == "store"
    assert found("--api-url", API) == "api"
    monkeypatch.setenv("DTS_API_URL", API)
    assert found() == "api"
    assert found("--redis-url", REDIS) == "store"
    assert found("--redis-url", REDIS, "--api-url", API) == "api"
