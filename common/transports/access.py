"""What the settings say of access to the servers, looked at once, before anything is asked of any of them."""

from typing import TYPE_CHECKING, Any

from common.domain.errors import BadSetting
from common.transports.redis_address import behind_sentinels, completed, secured, with_login

if TYPE_CHECKING:
    from common.settings import Settings


def check_access(settings: "Settings") -> None:
    """Raise BadSetting where a file is missing, half of a pair, or what is set would not be used."""
    for name in ("redis", "zookeeper", "kafka", "rpc"):
        settings.tls(name).check()
    if settings.redis_url and settings.tls("redis") and not secured(settings.redis_url):
        raise BadSetting("DTS_REDIS_CA: goes with TLS, but DTS_REDIS_URL does not begin with rediss")
    if settings.redis_user and not settings.redis_password:
        raise BadSetting("DTS_REDIS_USER: has no password; set DTS_REDIS_PASSWORD, or DTS_REDIS_PASSWORD_FILE")
    user, colon, password = settings.zookeeper_auth.partition(":")
    if settings.zookeeper_auth and not (user and colon and password):
        raise BadSetting("DTS_ZOOKEEPER_AUTH: is not user:password")
    _check_kafka(settings)


def _check_kafka(settings: "Settings") -> None:
    protocol = settings.kafka_security
    if "SASL" in protocol and not (settings.kafka_user and settings.kafka_password):
        raise BadSetting(f"DTS_KAFKA_SECURITY: {protocol} takes DTS_KAFKA_USER and DTS_KAFKA_PASSWORD")
    if "SASL" not in protocol and (settings.kafka_user or settings.kafka_password):
        raise BadSetting(
            f"DTS_KAFKA_USER: goes with SASL, but DTS_KAFKA_SECURITY is {protocol}; set SASL_SSL or SASL_PLAINTEXT"
        )
    if "SSL" not in protocol and settings.tls("kafka"):
        raise BadSetting(f"DTS_KAFKA_CA: goes with TLS, but DTS_KAFKA_SECURITY is {protocol}; set SSL or SASL_SSL")


def whole_redis_url(settings: "Settings") -> str:
    """Its url with all that is said of Redis beside it."""
    url = settings.redis_url
    if not url:
        return url
    files = settings.tls("redis")
    options: dict[str, Any] = {"ssl_ca_certs": files.ca, "ssl_certfile": files.certificate, "ssl_keyfile": files.key}
    replicas = settings.redis_replicas
    if behind_sentinels(url):
        options |= {
            "sentinel_username": settings.redis_sentinel_user,
            "sentinel_password": settings.redis_sentinel_password,
        }
        if replicas is None and settings.durability == "durable":
            replicas = 1
    options["replicas"] = replicas
    return completed(
        with_login(url, settings.redis_user, settings.redis_password),
        {name: value for name, value in options.items() if value},
    )
