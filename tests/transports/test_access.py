"""Access to the servers as the settings say it: what is wrong is told at the start, and by its name."""

from pathlib import Path

import pytest

from common.domain.errors import BadSetting
from common.settings import Settings
from common.transports.kafka_access import kafka_access
from tests.certificates import Certified, certified


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))


def load(**environ: str | Path) -> Settings:
    return Settings.load({f"DTS_{name}": str(value) for name, value in environ.items()})


def test_without_any_of_it_nothing_changes() -> None:
    settings = load(REDIS_URL="redis://h/0", KAFKA="k:9092")
    assert settings.redis_url == "redis://h/0"
    assert kafka_access(settings) == {"security_protocol": "PLAINTEXT"}
    assert not any(settings.tls(name) for name in ("redis", "zookeeper", "kafka", "rpc"))


@pytest.mark.parametrize("name", ["REDIS", "ZOOKEEPER", "KAFKA", "RPC"])
def test_half_a_pair_is_told(name: str, ours: Certified) -> None:
    with pytest.raises(BadSetting, match=f"DTS_{name}_CERTIFICATE: goes with DTS_{name}_KEY, which is not set"):
        load(**{f"{name}_CERTIFICATE": ours.certificate})
    with pytest.raises(BadSetting, match=f"DTS_{name}_KEY: goes with DTS_{name}_CERTIFICATE, which is not set"):
        load(**{f"{name}_KEY": ours.key})


@pytest.mark.parametrize("file", ["CA", "CERTIFICATE", "KEY"])
def test_a_file_that_is_missing_is_told(file: str, ours: Certified) -> None:
    files = {"RPC_CA": ours.ca, "RPC_CERTIFICATE": ours.certificate, "RPC_KEY": ours.key}
    load(**files)
    with pytest.raises(BadSetting, match=f"DTS_RPC_{file}: can't read '/nowhere': No such file"):
        load(**{**files, f"RPC_{file}": Path("/nowhere")})


def test_a_file_that_is_something_else_is_told(ours: Certified, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no certificate")
    with pytest.raises(BadSetting, match=r"DTS_RPC_CA: .* holds no certificates in PEM form"):
        load(RPC_CA=text)
    other = certified(tmp_path, "other")
    with pytest.raises(BadSetting, match=r"DTS_RPC_CERTIFICATE: .* are no pair"):
        load(RPC_CERTIFICATE=ours.certificate, RPC_KEY=other.key)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"REDIS_URL": "redis://h/0", "REDIS_CA": "CA"}, "DTS_REDIS_CA: goes with TLS"),
        ({"REDIS_USER": "dts"}, "DTS_REDIS_USER: has no password"),
        ({"ZOOKEEPER_AUTH": "hidden"}, "DTS_ZOOKEEPER_AUTH: is not user:password"),
        ({"KAFKA_SECURITY": "SASL_SSL", "KAFKA_USER": "dts"}, "SASL_SSL takes DTS_KAFKA_USER and DTS_KAFKA_PASSWORD"),
        ({"KAFKA_USER": "dts", "KAFKA_PASSWORD": "hidden"}, "DTS_KAFKA_USER: goes with SASL"),
        ({"KAFKA_CA": "CA"}, "DTS_KAFKA_CA: goes with TLS"),
        ({"KAFKA_SECURITY": "TLS"}, "DTS_KAFKA_SECURITY: input should be"),
        ({"KAFKA_MECHANISM": "GSSAPI"}, "DTS_KAFKA_MECHANISM: input should be"),
    ],
)
def test_what_does_not_go_together_is_told(environ: dict[str, str], told: str, ours: Certified) -> None:
    with pytest.raises(BadSetting, match=told) as error:
        load(**{name: ours.ca if value == "CA" else value for name, value in environ.items()})
    assert "hidden" not in str(error.value)


def test_what_is_said_of_redis_becomes_part_of_its_url(ours: Certified, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("a/b@c\n")
    settings = load(REDIS_URL="rediss://h:1/2", REDIS_USER="dts", REDIS_PASSWORD_FILE=password, REDIS_CA=ours.ca)
    ca = str(ours.ca).replace("/", "%2F")
    assert settings.redis_url == f"rediss://dts:a%2Fb%40c@h:1/2?ssl_ca_certs={ca}"
    assert {"a/b@c", "a%2Fb%40c"} <= set(settings.secrets())
    assert load(REDIS_URL="redis://me:mine@h/0", REDIS_PASSWORD="other").redis_url == "redis://me:mine@h/0"
    behind = load(REDIS_URL="redis+sentinel://a,b/s", REDIS_SENTINEL_PASSWORD="x y")
    assert behind.redis_url == "redis+sentinel://a,b/s?sentinel_password=x+y"
