"""Settings: from the environment, from files, from flags; what is wrong is told by its name."""

from pathlib import Path
from typing import Any

import pytest

from common.domain.errors import BadSetting
from common.settings import Settings


def load(**environ: str) -> Settings:
    return Settings.load({f"DTS_{name}": value for name, value in environ.items()})


def test_nothing_has_to_be_set() -> None:
    settings = load()
    assert (settings.redis_url, settings.namespace, settings.home) == ("", "", Path(".dts"))
    assert settings.slots >= 1
    assert settings.agent


def test_the_environment_is_read() -> None:
    settings = load(
        REDIS_URL="redis://h/0",
        NAMESPACE="{s1}:",
        HOME="/tmp/x",
        SLOTS="3",
        LEASE="1.5",
        DURABILITY="durable",
        EXECUTORS='{"HTTP": "my.module:Http"}',
        ENV_PASSTHROUGH="PATH, LANG,",
        LOG_LEVEL="debug",
    )
    assert (settings.redis_url, settings.namespace, settings.home) == ("redis://h/0", "{s1}:", Path("/tmp/x"))
    assert (settings.slots, settings.lease, settings.durability) == (3, 1.5, "durable")
    assert (settings.executors, settings.env_passthrough) == ({"HTTP": "my.module:Http"}, ("PATH", "LANG"))


def test_a_log_level_may_be_written_in_capitals() -> None:
    assert load(LOG_LEVEL="WARNING").log_level == "warning"


def test_names_of_others_are_passed_over() -> None:
    assert Settings.load({"REDIS_URL": "x", "DTS_NO_SUCH_SETTING": "x", "dts_slots": "x"}).redis_url == ""


def test_a_flag_wins_where_it_is_given() -> None:
    environ = {"DTS_SLOTS": "3", "DTS_AGENT": "from-environment"}
    settings = Settings.load(environ, slots=5, agent=None)
    assert (settings.slots, settings.agent) == (5, "from-environment")


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("redis://:secret@h/0\n")
    assert load(REDIS_URL_FILE=str(secret)).redis_url == "redis://:secret@h/0"
    assert load(REDIS_URL_FILE=str(secret), REDIS_URL="redis://h/1").redis_url == "redis://h/1"
    assert load(REDIS_URL_FILE="").redis_url == ""


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"DTS_REDIS_URL_FILE: can't read .*No such file"):
        load(REDIS_URL_FILE=str(tmp_path / "none"))
    with pytest.raises(BadSetting, match=r"DTS_REDIS_URL_FILE: can't read .*directory"):
        load(REDIS_URL_FILE=str(tmp_path))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSetting, match=r"DTS_REDIS_URL_FILE: can't read .*no text"):
        load(REDIS_URL_FILE=str(tmp_path / "bytes"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLOTS", "many"),
        ("SLOTS", ""),
        ("SLOTS", "0"),
        ("SLOTS", "1.5"),
        ("LEASE", "0.1"),
        ("LEASE", "nan"),
        ("LEASE", "inf"),
        ("DRAIN", "-1"),
        ("DRAIN", "inf"),
        ("RETENTION", "3600"),
        ("RETENTION", "inf"),
        ("PENDING_BOUND", "0"),
        ("MAX_LOST", "0"),
        ("DURABILITY", "somewhat"),
        ("LOG_LEVEL", "loud"),
        ("AGENT", "two words"),
        ("AGENT", ""),
        ("AGENT", "a:b"),
        ("NAMESPACE", "a b"),
        ("NAMESPACE", "a*"),
        ("EXECUTORS", "{"),
        ("EXECUTORS", "[]"),
        ("EXECUTORS", '{"HTTP": 5}'),
    ],
)
def test_a_wrong_value_is_told_by_its_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=rf"^DTS_{name}\b"):
        load(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("slots", 0), ("no_such", 1)])
def test_a_wrong_flag_is_told_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(BadSetting, match=f"^DTS_{name.upper()}"):
        Settings.load({}, **{name: value})


def test_a_wrong_value_does_not_tell_a_secret() -> None:
    with pytest.raises(BadSetting) as told:
        Settings.load({"DTS_REDIS_URL": "redis://:secret@h/0", "DTS_SLOTS": "secret"})
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"REDIS_URL": "redis://h/0", "DURABILITY": "durable"}, "redis://h/0"),
        ({"REDIS_URL": "redis+sentinel://h/s"}, "redis+sentinel://h/s"),
        ({"REDIS_URL": "redis+sentinel://h/s", "DURABILITY": "durable"}, "redis+sentinel://h/s?replicas=1"),
        ({"REDIS_URL": "redis+sentinel://h/s", "REDIS_REPLICAS": "2"}, "redis+sentinel://h/s?replicas=2"),
        ({"REDIS_URL": "redis://h/0?db=1", "REDIS_REPLICAS": "1"}, "redis://h/0?db=1&replicas=1"),
        (
            {"REDIS_URL": "rediss+sentinel://h/s", "DURABILITY": "durable", "REDIS_REPLICAS": "0"},
            "rediss+sentinel://h/s",
        ),
    ],
)
def test_how_many_replicas_must_have_a_change_becomes_part_of_the_url(environ: dict[str, str], url: str) -> None:
    assert load(**environ).redis_url == url
