"""A stage in this one process: its roles in threads, on a Redis that is only pretended; tasks are real processes.

A killed role is one whose connections break and whose loops never come round again; then its tasks' processes are
killed, as its fence does. Needs the extra `fake`.
"""

import contextlib
import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fakeredis import FakeRedis, FakeRedisConnection, FakeServer
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.retry import Retry

from common.clock import SystemClock
from common.lab.aliases import resolved
from common.lab.door import Door
from common.lab.errors import LabError, NoSuchMember, NoSuchStage, StartFailed, WouldNotStop, WrongState
from common.lab.picture import SeenMember
from common.lab.ports import LOOPBACK, free_ports
from common.lab.stages import DOORS, USUAL, MemberSpec, StageSpec
from common.lab.tap import Tap
from common.lab.task_processes import task_processes
from common.lab.until import NotYet, until
from common.registries.choose import registry_of
from common.running import Boot
from common.settings import Settings
from common.transports.redis_client import CLIENT_OPTIONS

REDIS = "redis"
FAULTS = {"kill": "dead", "stop": "stopped", "start": "running"}
"""What can be done to a member, and the state in which it then is."""
LOGGERS = ("dts", "common")
LINES = 500
"""Log lines that are kept."""
WITHIN = 30.0
"""Seconds in which an agent must be ready, or be gone."""


class InProcessWorld:
    """A World without any server. One at a time in a process: it listens to all that dts logs there."""

    redis_url = ""
    zookeeper = kafka = ""

    def __init__(self, stage: StageSpec, settings: Mapping[str, str]) -> None:
        # The path is resolved, as tasks see it resolved.
        self.home = Path(tempfile.gettempdir()).resolve() / f"dts-{secrets.token_hex(6)}"
        self._server = FakeServer()
        self._redis_state = "running"
        self._log = _Lines()
        settings = {name: secrets.token_hex(32) for name in stage.secrets} | dict(settings)
        ports = free_ports()
        addresses = {
            member.name: f"{LOOPBACK}:{next(ports)}" for member in stage.members(USUAL) if member.role in DOORS
        }
        self._roles = {
            member.name: _Role(stage, member.role, _settings(settings, member, self.home, addresses), self._server)
            for member in stage.members(USUAL)
            if member.argv
        }
        doors = [{"DTS_API_URL": f"http://{address}"} for address in addresses.values()]
        self.api = Door.of({**settings, **(doors[0] if doors else {})})
        line = _Line(self._server)
        self.redis = line.client()
        kinds, known = {role.role for role in self._roles.values()}, Settings.load(settings)
        self.registry = registry_of(known, line.client, SystemClock()) if "scheduler" in kinds else None
        self.tap = Tap(known, line.client) if "manager" in kinds else None

    def start_all(self) -> None:
        """Start every role; returns when all of them are ready."""
        self._log.open()
        for role in self._roles.values():
            role.start()

    def members(self) -> Sequence[SeenMember]:
        roles = (
            SeenMember(name, role.role, os.getpid() if role.state == "running" else 0, role.state)
            for name, role in self._roles.items()
        )
        return [SeenMember(REDIS, REDIS, 0, self._redis_state), *roles]

    def said(self, member: str) -> Sequence[str]:
        return self._log.lines()

    def fault(self, kind: str, name: str) -> None:
        name = resolved(name, [(member.name, member.state) for member in self.members()], self.registry)
        if kind not in FAULTS:
            raise WrongState(f"can't {kind} {name}: within one process only {', '.join(FAULTS)} can be done")
        if name == REDIS:
            self._redis_state = FAULTS[kind]
            self._server.connected = kind == "start"
        elif name in self._roles:
            self._roles[name].fault(kind)
        else:
            raise NoSuchMember(f"there is no {name!r} here; members: {', '.join([REDIS, *self._roles])}")

    def close(self) -> None:
        """Leave nothing: no thread that works, no process, no file."""
        if self.registry:
            self.registry.close()
        if self.tap:
            self.tap.close()
        for role in self._roles.values():
            with contextlib.suppress(LabError):
                role.fault("kill")
        self._log.close()
        # Twice, as a process shows no environment in the moment in which it becomes another program.
        for _ in range(2):
            until(self._nothing_left, within=WITHIN, what="the tasks' processes and directories to be gone")

    def _nothing_left(self) -> bool:
        left = _kill_tasks(self.home)
        # Whoever watched a task removes its directory at the same time.
        shutil.rmtree(self.home, ignore_errors=True)
        return not (left or self.home.exists())


def _kill_tasks(home: Path) -> int:
    """Returns how many processes of tasks were alive below `home`."""
    left = task_processes(home)
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    return len(left)


class _Role:
    """One agent or scheduler through all its lives."""

    def __init__(self, stage: StageSpec, role: str, settings: Settings, server: FakeServer) -> None:
        if stage.boot is None:
            raise NoSuchStage(f"stage {stage.number} can't be run in one process")
        self.role, self._settings, self._server = role, settings, server
        self._name = settings.home.name
        self._make = partial(stage.boot, role)
        self.state = "stopped"

    def fault(self, kind: str) -> None:
        """Do one of kill, stop, start."""
        if (self.state == "running") == (kind == "start"):
            raise WrongState(f"can't {kind} {self._name}: it is {self.state}")
        {"kill": self._kill, "stop": self._stop, "start": self.start}[kind]()

    def start(self) -> None:
        self._life = _Life(self._make, self._settings, self._server)
        self._life.thread.start()
        self.state = "running"
        try:
            # One that finds Redis away waits for it; that is all it can do.
            until(lambda: self._life.begun.is_set() or not self._server.connected, within=WITHIN)
        except NotYet as late:
            raise StartFailed(f"{self._name} is not ready after {WITHIN:g} s") from late

    def _stop(self) -> None:
        self._life.stop.set()
        self._ended()
        self.state = "stopped"

    def _kill(self) -> None:
        self._life.kill()
        self._ended()
        until(lambda: not _kill_tasks(self._settings.home), within=WITHIN, what="the tasks' processes to be gone")
        self.state = "dead"

    def _ended(self) -> None:
        self._life.thread.join(WITHIN)
        if self._life.thread.is_alive():
            raise WouldNotStop(f"{self._name} has not ended after {WITHIN:g} s")


class _Life:
    """What a process would be: it begins, works as one boot or several, and ends, well or not."""

    def __init__(self, make: Any, settings: Settings, server: FakeServer) -> None:
        self._make, self._settings = make, settings
        self._line = _Line(server)
        self._killed = False
        self.stop, self.begun = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._live, name=f"life of {settings.home.name}", daemon=True)

    def kill(self) -> None:
        self._killed = True
        self._line.cut = True
        self.stop.set()

    def _live(self) -> None:
        while not self.stop.is_set():
            boot: Boot = self._make(self._settings, self._line.client)
            if boot.begin(self.stop.wait):
                self.begun.set()
                until(lambda boot=boot: self.stop.is_set() or boot.lost.is_set(), within=float("inf"))  # type: ignore[misc]
            boot.abandon() if self._killed else boot.end()


class _Line:
    """The way of one process to the server: when it is cut, no command and no answer comes through any more."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._connection: type[_Connection] = type("_Connection", (_Connection,), {"line": self})
        self.cut = False

    def client(self, **_: Any) -> Redis:
        """A client; takes the options of `connect`, and needs none: here nothing is slow."""
        client = FakeRedis(server=self._server, connection_class=self._connection, **CLIENT_OPTIONS)
        client.set_retry(Retry(NoBackoff(), 0))
        return client


class _Connection(FakeRedisConnection):
    line: _Line

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        self._refuse_if_cut()
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **options: Any) -> Any:
        self._refuse_if_cut()
        return super().read_response(*args, **options)

    def _refuse_if_cut(self) -> None:
        if self.line.cut:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise ConnectionLost("this process is dead")


class _Lines(logging.Handler):
    """Keeps the last lines that dts logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[str] = deque(maxlen=LINES)
        self._levels_before = {name: logging.getLogger(name).level for name in LOGGERS}

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.levelname} {record.name} {record.getMessage()}")

    def open(self) -> None:
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)
            logging.getLogger(name).setLevel(logging.INFO)

    def lines(self) -> list[str]:
        return list(self._lines)

    def close(self) -> None:
        for name, level in self._levels_before.items():
            logging.getLogger(name).setLevel(level)
            logging.getLogger(name).removeHandler(self)


def _settings(given: Mapping[str, str], member: MemberSpec, home: Path, addresses: Mapping[str, str]) -> Settings:
    own = {member.role: member.name, "api_listen": addresses.get(member.name)}
    return Settings.load(given, home=home / member.name, redis_url="redis://in-this-process", **own)
