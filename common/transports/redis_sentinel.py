"""Redis behind Sentinels: who is the master is asked of them, and asked anew when it may have changed.

    redis+sentinel://[user:password@]host1:26379,host2:26379,host3:26379/<service>[/<db>][?sentinel_password=…]

https://redis.io/docs/latest/develop/reference/sentinel-clients/
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from redis import Connection, ConnectionPool, Redis, SSLConnection, exceptions
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26379

ANSWER_WITHIN = 0.5
"""Seconds that a Sentinel may take; the next one is asked after that."""
LOOK_EVERY = 1.0
"""Seconds after which it is asked again whether the master is still the same: one that froze ends no connection."""
DOUBT = 5.0
"""Seconds for which a Sentinel that did not answer is left alone, as long as another one answers."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """What such a url says."""

    sentinels: Sequence[Address]
    service: str
    tls: bool
    options: Mapping[str, Any]
    """Of connections to the master."""
    asking: Mapping[str, Any]
    """Of connections to the Sentinels."""


def place_of(url: str) -> Place:
    """Raises ValueError, which tells no password."""
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("it names no service; one looks like redis+sentinel://host1:26379,host2:26379/mymaster")
    if db and not db.isdigit():
        raise ValueError("what stands behind the service is no number of a database")
    tls = parts.scheme == SCHEMES[1]
    plain = f"{'rediss' if tls else 'redis'}://{login and login + '@'}master/{db}?{parts.query}"
    options: dict[str, Any] = parse_url(plain)  # type: ignore[no-untyped-call]
    asking = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    for name in ("host", "connection_class"):
        options.pop(name, None)
    secure = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return Place(
        [_address(host) for host in hosts.split(",")],
        unquote(service),
        tls,
        options,
        {**{name: value for name, value in asking.items() if value}, **({"ssl": True, **secure} if tls else {})},
    )


def _address(text: str) -> Address:
    parts = urlsplit(f"//{text.strip()}")
    if not parts.hostname:
        raise ValueError("one of its Sentinels has no name")
    return parts.hostname, parts.port or PORT


def pool_of(url: str, options: Mapping[str, Any]) -> "MasterPool":
    """Connections to the master that such a url names, with these options; raises ValueError."""
    place = place_of(url)
    master = Master(place.service, place.sentinels, place.asking)
    return MasterPool(master, tls=place.tls, **{**options, **place.options})


class Master:
    """Which server is the master of `service`, by its Sentinels. Safe to share between threads."""

    def __init__(self, service: str, sentinels: Sequence[Address], options: Mapping[str, Any]) -> None:
        """`options` are those of connections to the Sentinels."""
        self._service = service
        self._sentinels = [_Sentinel(host, port, options) for host, port in sentinels]
        self._lock = threading.Lock()
        self._known: Address | None = None
        self._look_at = 0.0
        self._turn = 0

    def address(self) -> Address:
        """Where it is; raises ConnectionError where no Sentinel knows one that lives."""
        with self._lock:
            if self._known is None or time.monotonic() >= self._look_at:
                self._known = self._by_all()
                self._look_at = time.monotonic() + LOOK_EVERY
            return self._known

    def moved(self) -> bool:
        """Whether another server has become the master since the last look; costs a request now and then."""
        if time.monotonic() < self._look_at or not self._lock.acquire(blocking=False):
            return False
        try:
            before = self._known
            self._turn += 1
            told = self._sentinels[self._turn % len(self._sentinels)].ask(self._service)
            if told is not None and told.address != before:
                # One alone may be behind the others.
                self._known = self._by_all()
            self._look_at = time.monotonic() + LOOK_EVERY
            return self._known != before
        except exceptions.ConnectionError:
            return False
        finally:
            self._lock.release()

    def doubt(self) -> None:
        """Ask again before the next connection: this one was not what it should be."""
        self._look_at = 0.0

    def close(self) -> None:
        for sentinel in self._sentinels:
            sentinel.close()

    def _by_all(self) -> Address:
        """What the Sentinel says that knows of the newest failover: one that is cut off goes on naming the old one."""
        now = time.monotonic()
        sound = [one for one in self._sentinels if one.doubted_until <= now]
        told = [one.ask(self._service) for one in sound]
        if not any(told):
            told = [one.ask(self._service) for one in self._sentinels if one not in sound]
        best = max((one for one in told if one), key=lambda one: one.epoch, default=None)
        if best is None:
            why = "; ".join(f"{one.where}: {one.trouble}" for one in self._sentinels)
            raise exceptions.ConnectionError(f"connecting to the master {self._service!r}: {why}")
        return best.address


@dataclass(frozen=True, slots=True)
class _Told:
    address: Address
    epoch: int
    """Of the newest failover that the Sentinel knows of."""


class _Sentinel:
    def __init__(self, host: str, port: int, options: Mapping[str, Any]) -> None:
        self.where, self.trouble, self.doubted_until = f"{host}:{port}", "was not asked", 0.0
        self._client = Redis(
            host=host,
            port=port,
            socket_timeout=ANSWER_WITHIN,
            socket_connect_timeout=ANSWER_WITHIN,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            **options,
        )

    def ask(self, service: str) -> _Told | None:
        """Where it thinks that the master is; None where it does not answer, or thinks that the master is gone."""
        try:
            told = self._client.execute_command("SENTINEL MASTER", service)  # type: ignore[no-untyped-call]
        except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
            self.trouble, self.doubted_until = str(error), time.monotonic() + DOUBT
            return None
        except exceptions.ResponseError as error:
            self.trouble = str(error)
            return None
        self.doubted_until = 0.0
        flags = str(told["flags"])
        if "down" in flags or "master" not in flags:
            self.trouble = "it takes the master for gone, and has not chosen another one yet"
            return None
        return _Told((str(told["ip"]), int(told["port"])), int(told["config-epoch"]))

    def close(self) -> None:
        self._client.close()


class MasterPool(ConnectionPool):
    """Connections to whichever server is the master; idle ones to an old one are let go."""

    def __init__(self, master: Master, *, tls: bool, **options: Any) -> None:
        self.master = master
        kind = _SecureMasterConnection if tls else _MasterConnection
        super().__init__(connection_class=kind, master=master, redis_connect_func=_introduce, **options)

    def get_connection(self, *args: Any, **options: Any) -> Any:
        if self.master.moved():
            self.disconnect(inuse_connections=False)
        return super().get_connection(*args, **options)

    def doubt(self) -> None:
        """Use no connection any longer that nobody is using just now: the server may be no master any more."""
        self.master.doubt()
        self.disconnect(inuse_connections=False)

    def close(self) -> None:
        super().close()
        self.master.close()


class _ToMaster(Connection):
    """Asks where the master is each time it connects."""

    def __init__(self, *, master: Master, **options: Any) -> None:
        self._master = master
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        self.host, self.port = self._master.address()
        try:
            return super()._connect()  # type: ignore[no-untyped-call]
        except OSError:
            self._master.doubt()
            raise

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)
        except exceptions.ReadOnlyError:
            # It was the master when we connected.
            self._master.doubt()
            self.disconnect()  # type: ignore[no-untyped-call]
            raise


class _MasterConnection(_ToMaster):
    pass


class _SecureMasterConnection(_ToMaster, SSLConnection):
    pass


def _introduce(connection: _ToMaster) -> None:
    """Log in, and leave a server at once that is no master: a Sentinel may name one that has just been made a replica.

    Its data is old, and what is asked of it would be answered from that.
    """
    connection.on_connect()  # type: ignore[no-untyped-call]
    connection.send_command("ROLE")  # type: ignore[no-untyped-call]
    role = connection.read_response()[0]
    if role not in ("master", b"master"):
        connection._master.doubt()  # noqa: SLF001
        raise exceptions.ConnectionError(f"connecting to {connection.host}:{connection.port}: it is no master now")
