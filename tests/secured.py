"""Servers that ask who one is: a Redis with TLS and users, a Kafka with TLS and passwords."""

import contextlib
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from common.lab.java.jars import default_folder
from common.lab.ports import LOOPBACK, free_ports, is_free
from common.lab.servers.jvm import java, properties
from common.lab.servers.kafka import HEAP, LOGGED, SETTINGS
from common.lab.until import until
from tests.certificates import Certified, keystore
from tests.servers import ServerAt, kill_when_we_die

PASSWORD = "no/default@all:here"
RULES = (
    "~* &* +@read +@write +@pubsub +@scripting +@transaction +@blocking +@connection -@dangerous "
    "+info +role +wait +time"
)
"""What the docs say that the user of dts needs at Redis."""


def redis_options(ours: Certified, port: int) -> tuple[str, ...]:
    """For ServerAt: besides its own port, which only its user `default` may use, one by TLS for a user `dts`."""
    return (
        *("--tls-port", str(port), "--tls-cert-file", str(ours.certificate), "--tls-key-file", str(ours.key)),
        *("--tls-ca-cert-file", str(ours.ca), "--tls-auth-clients", "yes"),
        *("--user", "dts", "on", f">{PASSWORD}", *RULES.split()),
    )


def redis_environment(ours: Certified, port: int) -> dict[str, str]:
    """The settings for it."""
    return {
        "DTS_REDIS_URL": f"rediss://localhost:{port}/0",
        "DTS_REDIS_USER": "dts",
        "DTS_REDIS_PASSWORD": PASSWORD,
        **files("REDIS", ours),
    }


def files(name: str, ours: Certified) -> dict[str, str]:
    """All three settings of certificates."""
    return {
        f"DTS_{name}_CA": str(ours.ca),
        f"DTS_{name}_CERTIFICATE": str(ours.certificate),
        f"DTS_{name}_KEY": str(ours.key),
    }


@contextlib.contextmanager
def secured_redis(binary: Path, directory: Path, ours: Certified) -> Iterator[tuple[ServerAt, int]]:
    """For the block: the server, and its port by TLS."""
    port = next(iter(free_ports()))
    server = ServerAt("real", binary, directory, *redis_options(ours, port))
    server.start()
    try:
        yield server, port
    finally:
        server.kill()


@dataclass(frozen=True)
class SecuredKafka:
    """Where it is, and how dts proves itself there."""

    port: int
    ours: Certified

    def environment(self, mechanism: str = "SCRAM-SHA-512") -> Mapping[str, str]:
        return {
            "DTS_KAFKA": f"localhost:{self.port}",
            "DTS_KAFKA_SECURITY": "SASL_SSL",
            "DTS_KAFKA_MECHANISM": mechanism,
            "DTS_KAFKA_USER": "dts",
            "DTS_KAFKA_PASSWORD": PASSWORD,
            **files("KAFKA", self.ours),
        }


@contextlib.contextmanager
def secured_kafka(directory: Path, ours: Certified) -> Iterator[SecuredKafka]:
    """For the block; clients must have a certificate, a user and a password. Raises MissingServer."""
    ports = free_ports()
    port, controller = next(ports), next(ports)
    start = java("kafka", default_folder(), HEAP, *LOGGED)
    config = directory / "server.properties"
    config.write_text(properties(_kafka_settings(directory, ours, port, controller)))
    users = ("--add-scram", f"SCRAM-SHA-512=[name=dts,password={PASSWORD}]")
    storage = ("--cluster-id", "ZHRzdGVzdHNkdHN0ZXN0cw", "--config", str(config))
    formatted = subprocess.run(
        [*start, "kafka.tools.StorageTool", "format", *storage, *users], check=False, capture_output=True, text=True
    )
    assert formatted.returncode == 0, formatted.stderr
    with (directory / "log.txt").open("w") as log:
        server = subprocess.Popen([*start, "kafka.Kafka", str(config)], stdout=log, stderr=log)
    guard = kill_when_we_die(server.pid)
    try:
        until(lambda: not is_free(port), within=150, what=f"Kafka to listen ({shlex.join(start[:3])} …)")
        yield SecuredKafka(port, ours)
    finally:
        server.kill()
        server.wait()
        guard.kill()
        guard.wait()
        assert guard.stdin
        guard.stdin.close()


def _kafka_settings(directory: Path, ours: Certified, port: int, controller: int) -> dict[str, object]:
    # Its own client proves itself as a client of ours does.
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    return {
        **SETTINGS,
        "listeners": f"SASL_SSL://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"SASL_SSL://localhost:{port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
        "inter.broker.listener.name": "SASL_SSL",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "log.dirs": directory / "log",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": f'{plain} username="broker" password="{PASSWORD}" '
        f'user_broker="{PASSWORD}" user_dts="{PASSWORD}";',
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{scram};",
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": keystore(ours, directory / "keystore.p12", "keystore"),
        "ssl.keystore.password": "keystore",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": ours.ca,
        "ssl.client.auth": "required",
    }
