"""How Kafka is proved to be what it is, and how dts proves itself to it: options of its clients, by the settings."""

from collections.abc import Mapping
from typing import Any

from common.settings import Settings


def kafka_access(settings: Settings) -> Mapping[str, Any]:
    """For KafkaLink; empty where nothing is set."""
    options: dict[str, Any] = {"security_protocol": settings.kafka_security}
    if "SASL" in settings.kafka_security:
        options |= {
            "sasl_mechanism": settings.kafka_mechanism,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": settings.kafka_password,
        }
    if "SSL" in settings.kafka_security:
        files = settings.tls("kafka")
        options |= {
            "ssl_cafile": _text(files.ca),
            "ssl_certfile": _text(files.certificate),
            "ssl_keyfile": _text(files.key),
            "ssl_check_hostname": True,
        }
    return options


def _text(path: object) -> str | None:
    return str(path) if path else None
