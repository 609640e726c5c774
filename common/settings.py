"""Every setting, in one model: from DTS_* in the environment, overridden by flags.

A secret may stand in a file instead: DTS_REDIS_URL_FILE names one that holds DTS_REDIS_URL.
Nothing is read at import; a process loads its settings once, at its start.
"""

import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationError

from common.domain.errors import BadSetting
from common.transports.access import check_access, whole_redis_url
from common.transports.tls import Tls

PREFIX = "DTS_"
PASSWORDS = re.compile(r"://[^\s/:@]*:([^\s/@]+)@|password=([^\s&]+)")
"""Within a url."""


class Settings(BaseModel):
    """What can be set; times are seconds. `redis_url` is DTS_REDIS_URL in the environment, and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    redis_url: str = Field(
        "",
        description="the Redis that holds the truth, like redis://127.0.0.1:6379/0; behind Sentinels like "
        "redis+sentinel://host1:26379,host2:26379,host3:26379/mymaster/0",
    )
    redis_user: str = Field("", description="the user at Redis, where the url names none; Redis' own default if unset")
    redis_password: str = Field("", repr=False, description="the password at Redis, where the url has none")
    redis_sentinel_user: str = Field("", description="the user at the Sentinels, where they want one")
    redis_sentinel_password: str = Field("", repr=False, description="the password at the Sentinels")
    redis_ca: Path | None = Field(
        None, description="file of certificates, PEM, by which Redis is trusted; goes with rediss://"
    )
    redis_certificate: Path | None = Field(None, description="file of our own certificate for Redis, PEM")
    redis_key: Path | None = Field(None, description="file of that certificate's key, PEM, without a password")
    redis_replicas: int | None = Field(
        None,
        ge=0,
        le=10,
        description="how many replicas must have a change before it counts as made; "
        "where unset 1 if Redis is durable and behind Sentinels, else 0",
    )
    namespace: str = Field("", pattern=r"^[^\s*?\[\]]{0,64}$", description="stands before all Redis keys")
    durability: Literal["fast", "durable"] = Field(
        "fast", description="durable refuses a Redis without an append-only file"
    )
    home: Path = Field(Path(".dts"), description="where `dts up` keeps its state, and agents their work")
    agent: str = Field(
        default_factory=lambda: socket.gethostname() or "agent",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="the agent's id; two live agents never share one",
    )
    scheduler: str = Field(
        default_factory=lambda: socket.gethostname() or "scheduler",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="the scheduler's id; two live schedulers never share one",
    )
    manager: str = Field(
        default_factory=lambda: socket.gethostname() or "manager",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="the task-manager's id; two live managers never share one",
    )
    api: str = Field(
        default_factory=lambda: socket.gethostname() or "api",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="the task-api's id, as logs and histories name it",
    )
    slots: int = Field(
        default_factory=lambda: 2 * (os.cpu_count() or 1), ge=1, le=10_000, description="tasks an agent runs at once"
    )
    lease: float = Field(15.0, ge=0.5, le=600, description="how long an agent may be silent before it counts as lost")
    zookeeper: str = Field(
        "", description="ZooKeeper, like zk1:2181,zk2:2181/dts; where unset, Redis tells who lives and who leads"
    )
    zookeeper_auth: str = Field(
        "", repr=False, description="user:password at ZooKeeper (digest); what dts makes there only that user may touch"
    )
    zookeeper_ca: Path | None = Field(
        None, description="file of certificates, PEM, by which ZooKeeper is trusted; speaks TLS where set"
    )
    zookeeper_certificate: Path | None = Field(None, description="file of our own certificate for ZooKeeper, PEM")
    zookeeper_key: Path | None = Field(None, description="file of that certificate's key, PEM, without a password")
    kafka: str = Field("", description="Kafka, like kafka1:9092,kafka2:9092; where unset, lists in Redis are the bus")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Kafka's security protocol: TLS with SSL in it, user and password with SASL"
    )
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how the password is proved to Kafka"
    )
    kafka_user: str = Field("", description="the user at Kafka")
    kafka_password: str = Field("", repr=False, description="the password at Kafka")
    kafka_ca: Path | None = Field(
        None, description="file of certificates, PEM, by which Kafka is trusted; goes with SSL and SASL_SSL"
    )
    kafka_certificate: Path | None = Field(None, description="file of our own certificate for Kafka, PEM")
    kafka_key: Path | None = Field(None, description="file of that certificate's key, PEM, without a password")
    heartbeat: float = Field(1.0, ge=0.1, le=60, description="how often an agent tells how it is")
    forget: float = Field(
        86_400.0, ge=10, description="how long an agent may be gone before its destination on the bus is removed"
    )
    session: float = Field(
        10.0, ge=1, le=600, description="how long a silent agent or scheduler counts as present with those who watch"
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="what an agent can do, like gpu=yes,zone=a; tasks may ask for it"
    )
    weight: float = Field(1.0, gt=0, le=1000, description="an agent's share of the work, for the strategy weighted")
    strategy: str = Field("least-load", description="how the scheduler chooses, where a task does not say")
    strategies: dict[str, str] = Field(
        default_factory=dict, description='further strategies as JSON, {"name": "module:name"}'
    )
    drain: float = Field(60.0, ge=0, description="how long a stopping agent waits for its running tasks")
    grace: float = Field(5.0, ge=0, le=300, description="between TERM and KILL when a task is ended")
    retention: float = Field(7 * 86_400.0, ge=86_400, description="how long final tasks are kept; a day at least")
    pending_bound: int = Field(1_000_000, ge=1, description="how many tasks may wait")
    max_lost: int = Field(3, ge=1, description="how many agents may be lost with one task before it is given up")
    executors: dict[str, str] = Field(
        default_factory=dict, description='further task types as JSON, {"TYPE": "module:name"}'
    )
    env_passthrough: tuple[str, ...] = Field((), description="environment names that tasks inherit, comma separated")
    python: str = Field("", description="interpreter for PYTHON tasks; the agent's own where empty")
    work_dir: Path | None = Field(None, description="where tasks get their private directories; <home>/work if unset")
    jars: Path | None = Field(None, description="where `dts infra install` keeps jars; ~/.cache/dts/jars if unset")
    maven_url: str = Field(
        "",
        description="the Maven repository that has them; else Maven's own settings count, else Maven Central",
    )
    task_memory: ByteSize | None = Field(
        None, ge=1_048_576, description="how much memory a task may use, like 512MiB; no limit if unset"
    )
    task_processes: int | None = Field(
        None, ge=1, description="how many processes and threads a task may have; no limit if unset"
    )
    cgroups: Literal["auto", "off"] = Field(
        "auto", description="off keeps no task in a control group of its own; auto does where this machine allows it"
    )
    rpc_listen: str = Field(
        "127.0.0.1:0", description="where a task-manager answers RPC calls; port 0 takes a free one"
    )
    rpc_advertise: str = Field(
        "", description="how others reach that, like manager-1.internal:7000; as it listens where unset"
    )
    rpc_secret: str = Field(
        "", repr=False, description="what managers, task-apis and agents prove to each other that they know; no default"
    )
    rpc_ca: Path | None = Field(
        None,
        description="file of certificates, PEM, by which task-managers are trusted, and by them their callers; "
        "speaks TLS where set",
    )
    rpc_certificate: Path | None = Field(
        None, description="file of our own certificate for RPC, PEM; a task-manager speaks TLS alone where set"
    )
    rpc_key: Path | None = Field(None, description="file of that certificate's key, PEM, without a password")
    rpc_timeout: float = Field(5.0, gt=0, le=600, description="how long an answer to an RPC call may take")
    api_listen: str = Field("127.0.0.1:8080", description="where the REST API is served; port 0 takes a free one")
    api_url: str = Field("", description="where clients find the API, like http://127.0.0.1:8080")
    api_token: str = Field("", repr=False, description="the token with which a client asks the API")
    api_tokens: Path | None = Field(
        None,
        description="file of the tokens that the API takes (`dts token new` writes it); read again when it changes",
    )
    api_threads: int = Field(32, ge=1, le=1000, description="requests that one API process serves at once")
    api_body: ByteSize = Field(
        ByteSize(8_388_608), ge=1024, description="how large the body of a request may be, like 8MiB"
    )
    api_rate: float = Field(0.0, ge=0, description="requests a second that one token may make; no limit if 0")
    api_origins: tuple[str, ...] = Field(
        (), description="origins of pages that may call the API from a browser, comma separated; none if unset"
    )
    metrics_listen: str = Field(
        "127.0.0.1:0",
        description="where a process tells Prometheus its figures, from stage 5 on; port 0 takes a free one",
    )
    metrics_advertise: str = Field(
        "", description="how Prometheus reaches that, like agent-1.internal:9464; as it listens where unset"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what is logged")
    log_format: Literal["text", "json"] | None = Field(
        None, description="text for people, json for programs; unset it is text up to stage 4, from then on what suits"
    )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> "Settings":
        """Read the environment; `overrides` that are not None win. Raises BadSetting, naming what is wrong where."""
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for name in cls.model_fields:
            text = _lookup(environ, PREFIX + name.upper())
            if text is not None:
                values[name] = _parsed(name, text)
        values |= {name: value for name, value in overrides.items() if value is not None}
        try:
            settings = cls(**values)
        except ValidationError as error:
            raise BadSetting("; ".join(_sentence(detail["loc"], detail["msg"]) for detail in error.errors())) from None
        check_access(settings)
        return settings.model_copy(update={"redis_url": whole_redis_url(settings)})

    def tls(self, name: str) -> Tls:
        """The files for `redis`, `zookeeper`, `kafka` or `rpc`."""
        return Tls(name, *(getattr(self, f"{name}_{file}") for file in ("ca", "certificate", "key")))

    def secrets(self) -> list[str]:
        """What of it nobody may see: what is not shown, and passwords within urls."""
        texts = {name: str(getattr(self, name)) for name in type(self).model_fields}
        hidden = [texts[name] for name, field in type(self).model_fields.items() if not field.repr]
        passwords = [word for text in texts.values() for found in PASSWORDS.findall(text) for word in found if word]
        # Of user:password the second alone, too.
        passwords += [word.partition(":")[2] for word in hidden]
        return [secret for secret in [*hidden, *passwords, *map(unquote, passwords)] if secret]


def _lookup(environ: Mapping[str, str], name: str) -> str | None:
    if name in environ:
        return environ[name]
    path = environ.get(name + "_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadSetting(f"{name}_FILE: can't read {path!r}: {why}") from error


def _parsed(name: str, text: str) -> Any:
    if name in ("env_passthrough", "api_origins"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name == "labels" and not text.lstrip().startswith("{"):
        return _pairs(text)
    if name == "log_level":
        return text.lower()
    if name in ("executors", "strategies", "labels"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise BadSetting(f"{PREFIX}{name.upper()} is not JSON: {error}") from error
    return text


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    wrong = [name for name, sign, _ in pairs if not (name and sign)]
    if wrong:
        raise BadSetting(f"{PREFIX}LABELS: {wrong[0]!r} is not name=value; write gpu=yes,zone=a")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _sentence(where: tuple[int | str, ...], message: str) -> str:
    return f"{PREFIX}{str(where[0]).upper()}: {message[0].lower()}{message[1:]}"
