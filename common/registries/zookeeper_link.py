"""One ZooKeeper client: bounded requests, dts' own errors, and the session that the server has granted."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from kazoo.client import KazooClient
from kazoo.exceptions import (
    AuthFailedError,
    BadVersionError,
    ConnectionClosedError,
    ConnectionDropped,
    ConnectionLoss,
    InvalidACLError,
    KazooException,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    OperationTimeoutError,
    RolledBackError,
    RuntimeInconsistency,
    SessionExpiredError,
    SessionMovedError,
)
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler
from kazoo.hosts import collect_hosts
from kazoo.protocol.connection import ConnectionHandler
from kazoo.protocol.serialization import Connect
from kazoo.protocol.states import KazooState

from common.domain.errors import BadSetting, Unanswered, Unavailable, Unready

ANSWER_WITHIN = 3.0
"""Seconds that a request may take; less where the session is shorter."""
MOMENT = 0.5
"""Seconds that a connection takes to be made where all is well."""
CLOSE_WITHIN = 2.0
"""Seconds in which a session is closed; where the server doesn't answer it runs out by itself."""

log = logging.getLogger("dts.registry")
_quiet = logging.getLogger("dts.registry.kazoo")
# Each lost connection and each try would be a line; what they mean is told once, by whoever waits.
_quiet.setLevel(logging.CRITICAL)


class Session(NamedTuple):
    """A session as the server knows it: the owner of ephemeral nodes, and its length in seconds."""

    id: int
    seconds: float


class Node(NamedTuple):
    """A node: `owner` is the session that it goes with, 0 where it stays; `made` is the change that made it."""

    text: bytes
    owner: int
    made: int


Watch = Callable[[Any], None] | None
"""Called by kazoo, once, with an event that says little."""


class Link:
    """A connection that comes back by itself, for ever, with a new session where the old one has ended.

    Safe to share between threads. `back` and `doubt` are called on kazoo's own thread, when it has come back
    and when its session may be lost, so they must only take note. Begins to connect at once, and waits for nothing.
    Raises BadSetting where `hosts` is not "host:port,host:port/chroot".
    """

    def __init__(
        self,
        hosts: str,
        seconds: float,
        back: Callable[[], None],
        doubt: Callable[[], None],
        access: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """`access` is how both sides prove who they are (common.registries.zookeeper_access)."""
        checked(hosts)
        self._asked, self._back, self._doubt = seconds, back, doubt
        self._granted = 0.0
        self._closing = False
        self._lock = threading.Lock()
        self.zk = _Client(hosts, seconds, access)
        self.zk.add_listener(self._changed)
        self._connected = self.zk.start_async()

    def session(self, within: float = MOMENT) -> Session:
        """The session now; one that is just being made is waited for. Raises Unavailable where there is none."""
        self._revive()
        self._connected.wait(within)
        client_id = self.zk.client_id
        if client_id is None:
            why = f" ({self.zk.why})" if self.zk.why else ""
            raise Unavailable(f"ZooKeeper is away: no connection to {self.where}{why}")
        return Session(client_id[0], self.zk.granted)

    @property
    def where(self) -> str:
        return ",".join(f"{host}:{port}" for host, port in self.zk.hosts) + (self.zk.chroot or "")

    def read(self, path: str) -> Node | None:
        """The node as the ensemble's leader knows it: a server that is cut off can't answer."""
        synced, got = self.zk.sync_async(path), self.zk.get_async(path)
        self._answer(synced)
        return self._node(got)

    def nodes(self, paths: Sequence[str], watch: Watch = None) -> list[Node | None]:
        """Several nodes in one go; those that are not there are None."""
        asked = [self.zk.get_async(path, watch=watch) for path in paths]
        return [self._node(one) for one in asked]

    def children(self, path: str, watch: Watch = None) -> list[str]:
        """The children's names, as the ensemble's leader knows them.

        A parent that is not there, or no more, is made: `watch` is called at the next change in any case.
        """
        while True:
            synced = self.zk.sync_async(path)
            got = self.zk.get_children_async(path, watch=watch)
            self._answer(synced)
            try:
                return list(self._answer(got))
            except NoNodeError:
                self._answer(self.zk.ensure_path_async(path))

    def create(self, path: str, text: bytes, *, sequence: bool = False) -> None:
        """Make an ephemeral node, and what is missing above it. Raises NodeExistsError."""
        self._answer(self.zk.create_async(path, text, ephemeral=True, makepath=True, sequence=sequence))

    def replace(self, path: str, text: bytes) -> None:
        """Make an ephemeral node in the place of what is there, in one act. Raises NoNodeError where nothing is."""
        act = self.zk.transaction()
        act.delete(path)
        act.create(path, text, ephemeral=True)
        failed = [one for one in self._answer(act.commit_async()) if isinstance(one, Exception)]
        if any(isinstance(one, NotEmptyError) for one in failed):
            for child in self.children(path):
                self.delete(f"{path}/{child}")
            return self.replace(path, text)
        with zookeeper_errors():
            for error in failed:
                # The others only say that they were rolled back with it.
                if not isinstance(error, RolledBackError | RuntimeInconsistency):
                    raise error
        return None

    def delete(self, path: str) -> None:
        """It is gone afterwards, and what is below it."""
        try:
            self._answer(self.zk.delete_async(path))
        except NoNodeError:
            return
        except NotEmptyError:
            for child in self.children(path):
                self.delete(f"{path}/{child}")
            self.delete(path)

    def _node(self, got: Any) -> Node | None:
        try:
            text, stat = self._answer(got)
        except NoNodeError:
            return None
        return Node(text or b"", stat.ephemeralOwner, stat.czxid)

    def _answer(self, asked: Any) -> Any:
        """What comes of a request of kazoo's; what it says of nodes passes through, all other errors are dts' own.

        Raises Unanswered where it may still be carried out, though always before whatever is asked later.
        """
        with zookeeper_errors():
            return asked.get(timeout=min(ANSWER_WITHIN, 2 / 3 * (self.zk.granted or self._asked)))

    def close(self) -> None:
        """End the session, and with it all ephemeral nodes; waits CLOSE_WITHIN at most."""
        self._closing = True
        closing = threading.Thread(target=self._stop, name="end of a ZooKeeper session", daemon=True)
        closing.start()
        closing.join(CLOSE_WITHIN)

    def _stop(self) -> None:
        with self._lock:
            try:
                self.zk.stop()
                self.zk.close()
            except (KazooException, OSError) as error:
                log.debug("session not closed well, it runs out by itself: %s", error)

    def _changed(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self._compare()
            self._back()
        else:
            self._doubt()

    def _compare(self) -> None:
        granted = self.zk.granted
        if granted not in (self._granted, self._asked):
            log.warning(
                "ZooKeeper grants a session of %g s, not %g s: its minSessionTimeout and maxSessionTimeout say so",
                granted,
                self._asked,
            )
        self._granted = granted

    def _revive(self) -> None:
        """A client that gave up, as after an authentication that failed, begins anew."""
        with self._lock:
            if self.zk.gave_up and not self._closing:
                self._connected = self.zk.start_async()


class _Connection(ConnectionHandler):  # type: ignore[misc]
    """Keeps what kazoo forgets: how long a session the server grants, and whether anybody still cares for it.

    Also why there is no connection: a certificate that isn't trusted is another thing than a server that isn't there.
    """

    @property
    def over(self) -> bool:
        """Whether its thread has ended. That it has stopped is said from before that thread has begun, too."""
        routine = self._connection_routine
        return routine is not None and not routine.is_alive()

    def _connect(self, *args: Any) -> Any:
        try:
            found = super()._connect(*args)
        except (ConnectionDropped, KazooTimeoutError) as error:
            self.client.why = str(error).removeprefix("socket connection error: ")
            raise
        self.client.why = ""
        return found

    def _invoke(self, timeout: float, request: Any, xid: int | None = None) -> Any:
        answer = super()._invoke(timeout, request, xid)
        if isinstance(request, Connect):
            self.client.granted = answer[0].time_out / 1000
        return answer


class _Client(KazooClient):  # type: ignore[misc]
    granted = 0.0
    why = ""

    def __init__(self, hosts: str, seconds: float, access: Mapping[str, Any]) -> None:
        for_ever = {"max_tries": -1, "delay": 0.1, "backoff": 1.5, "max_delay": min(1.0, seconds / 6)}
        super().__init__(
            hosts,
            timeout=seconds,
            connection_retry=for_ever,
            handler=SequentialThreadingHandler(),
            logger=_quiet,
            **access,
        )
        self._connection = _Connection(self, self._conn_retry.copy(), logger=_quiet)

    @property
    def gave_up(self) -> bool:
        # To start one anew that has not even begun would wait for its end, which never comes.
        return self._connection.over and not self._stopped.is_set()


@contextmanager
def zookeeper_errors() -> Iterator[None]:
    """Turn what kazoo raises into dts' own errors; what it says of nodes that are, or aren't, there passes through."""
    try:
        yield
    except (NoNodeError, NodeExistsError, NotEmptyError, BadVersionError):
        raise
    except (
        KazooTimeoutError,
        ConnectionLoss,
        ConnectionClosedError,
        SessionExpiredError,
        SessionMovedError,
        OperationTimeoutError,
    ) as error:
        raise Unanswered(f"ZooKeeper is away: {error or type(error).__name__}") from error
    except (NoAuthError, AuthFailedError, InvalidACLError) as error:
        raise Unready(
            "ZooKeeper refuses it: what stands there belongs to another user; "
            "all processes of one system need the same DTS_ZOOKEEPER_AUTH"
        ) from error
    except KazooException as error:
        raise Unready(f"ZooKeeper refuses it now: {type(error).__name__} {error}".rstrip()) from error


def checked(hosts: str) -> None:
    """Raises BadSetting where `hosts` is no list of ZooKeeper's hosts."""
    names, _, chroot = hosts.partition("/")
    try:
        found, _ = collect_hosts(names)
    except ValueError as error:
        raise _bad(hosts, str(error)) from error
    if any(char.isspace() for char in hosts) or any("@" in host for host, _ in found):
        raise _bad(hosts, "no blanks, no users")
    if chroot and not all(part and part not in (".", "..") for part in chroot.rstrip("/").split("/")):
        raise _bad(hosts, f"/{chroot} is no path")


def _bad(hosts: str, why: str) -> BadSetting:
    return BadSetting(
        f"DTS_ZOOKEEPER: {hosts!r} names no ZooKeeper ({why}); "
        "one looks like 127.0.0.1:2181 or zk1:2181,zk2:2181,zk3:2181/dts"
    )
