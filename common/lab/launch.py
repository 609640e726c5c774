"""How a member is started: its command, its environment, and how one sees that it is ready."""

import os
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from common.domain.errors import Unavailable
from common.lab.home import MARK, Home, Member, State
from common.lab.java.jars import default_folder
from common.lab.ports import LOOPBACK, is_free
from common.lab.profile import Profile
from common.lab.servers.kinds import SERVERS
from common.lab.servers.server import Site
from common.lab.stages import CABLE, DOORS
from common.lab.tap import Tap
from common.rpc.providers import TASK_MANAGER, group_of
from common.settings import Settings

if TYPE_CHECKING:
    from common.contracts import Registry

AGENT_WITHIN = 30.0
"""Seconds in which an agent must hold its lease, beside those that a lost agent of its name may still hold it."""


def is_server(member: Member) -> bool:
    """Whether it is a server, which needs ports, and which all other members need."""
    return member.role in SERVERS


def command(home: Home, state: State, member: Member) -> list[str]:
    """The command line; a server's and a cable's are made for their ports."""
    if is_server(member):
        return SERVERS[member.role].command(_site(home, state, member))
    if member.role == CABLE.role:
        led = [f"{port}:{server.port}" for port, server in zip(member.ports, _servers(state), strict=True)]
        return [sys.executable, "-m", "common.lab.cable", *led]
    return member.argv


def preloaded(state: State) -> list[str]:
    """The modules that several of its members would load each, with those that this profile's servers need."""
    packages = [member.argv[2] for member in state.members if is_role(member)]
    if len(packages) < 2:
        return []
    there = {member.role for member in state.members}
    registries = "zookeeper" if "zookeeper" in there else "redis_lease"
    buses = ["kafka_bus" if "kafka" in there else "redis_bus"] if "manager" in there else []
    roots = [f"{package}.__main__" for package in dict.fromkeys(packages)]
    return [*roots, f"common.registries.{registries}", *(f"common.transports.{bus}" for bus in buses)]


def is_role(member: Member) -> bool:
    """Whether it is one of a stage's own processes, run as `python -m PACKAGE …`."""
    return member.role != CABLE.role and member.argv[:2] == [sys.executable, "-m"]


def ports(state: State, member: Member) -> int:
    """How many ports it needs."""
    if is_server(member):
        return SERVERS[member.role].ports
    return len(_servers(state)) if member.role == CABLE.role else int(member.role in DOORS)


def addresses(state: State, through: str = "") -> dict[str, str]:
    """Where this cluster's servers are, as the settings that clients take; `through` names a cable that leads there."""
    servers = _servers(state)
    if through:
        (cable,) = (member for member in state.members if member.name == through)
        servers = [replace(server, ports=[port]) for server, port in zip(servers, cable.ports, strict=True)]
    known = {
        SERVERS[role].setting: SERVERS[role].address([server for server in servers if server.role == role])
        for role in dict.fromkeys(server.role for server in servers)
    }
    doors = [member for member in state.members if member.role in DOORS and member.port]
    secret = {name: state.environment[name] for name in state.secrets}
    return {**known, **({"DTS_API_URL": url_of(doors[0])} if doors else {}), **secret}


def url_of(door: Member) -> str:
    """Where clients reach it."""
    return f"http://{LOOPBACK}:{door.port}"


def environment(home: Home, state: State, member: Member) -> dict[str, str]:
    """What a member gets: our own environment, the settings `up` was given, and what only the cluster knows."""
    given = os.environ | state.environment
    known = addresses(state, member.through)
    own: dict[str, str] = {}
    if member.role in DOORS:
        own["DTS_API_LISTEN"] = f"{LOOPBACK}:{member.port}"
    else:
        # Whoever can read their environment, as their tasks might, is no client for that.
        known["DTS_API_TOKEN"] = ""
    inherited = [name for name in given.get("DTS_ENV_PASSTHROUGH", "").split(",") if name]
    return {
        **given,
        # Servers of other clusters are none of this one's business.
        **{server.setting: "" for server in SERVERS.values()},
        "DTS_API_URL": "",
        **known,
        **own,
        "DTS_HOME": str(home.data / member.name),
        "DTS_ENV_PASSTHROUGH": ",".join([*inherited, MARK]),
        MARK: str(home.path),
    }


def common_environment(home: Home, state: State) -> dict[str, str]:
    """What is no secret of all members' environments, with the mark by which what is left of them is found."""
    given = os.environ | state.environment
    return {**{name: value for name, value in given.items() if name not in state.secrets}, MARK: str(home.path)}


def settings(state: State) -> Settings:
    """The settings under which the members of this cluster run, as far as they are the same for all."""
    return Settings.load(os.environ | state.environment | addresses(state))


def ready_within(state: State, member: Member) -> float:
    """Seconds that `ready` may take to become true."""
    return SERVERS[member.role].within if is_server(member) else AGENT_WITHIN + settings(state).lease


def ready(home: Home, state: State, member: Member) -> bool:
    """Whether a running member does its work: a server answers, an agent holds its lease, others are present."""
    if is_server(member):
        return answers(home, state, member) or not _quorum_runs(state, member)
    if not all(_runs(state, role) for role in SERVERS) or _cut_off(state, member):
        # What is started while a server of its own is away waits for it, and that is all it can do.
        return True
    ways = {
        "agent": _holds_lease,
        "scheduler": _is_present,
        "manager": _answers_calls,
        "api": _serves,
        CABLE.role: _listens,
    }
    return ways.get(member.role, _is_there)(state, member)


def answers(home: Home, state: State, member: Member) -> bool:
    """Whether a server answers a real request now; takes at most a second."""
    return SERVERS[member.role].answers(_site(home, state, member))


def _site(home: Home, state: State, member: Member) -> Site:
    jars = settings(state).jars or default_folder()
    # A relative one is meant from where the cluster was started.
    folder = Path(state.cwd, jars)
    return Site(member, _peers(state, member.role), home.data / member.name, Profile(state.profile), folder)


def _servers(state: State) -> list[Member]:
    return [member for member in state.members if is_server(member)]


def _peers(state: State, role: str) -> list[Member]:
    return [member for member in state.members if member.role == role]


def _quorum_runs(state: State, member: Member) -> bool:
    # A ZooKeeper that starts while most of its ensemble is away waits for it, and that is all it can do.
    peers = _peers(state, member.role)
    return len(peers) == 1 or 2 * sum(peer.state == "running" for peer in peers) > len(peers)


def _runs(state: State, role: str) -> bool:
    peers = _peers(state, role)
    return not peers or any(peer.state == "running" for peer in peers)


def _cut_off(state: State, member: Member) -> bool:
    return any(one.name == member.through and one.state != "running" for one in state.members)


def _listens(_: State, member: Member) -> bool:
    return not any(is_free(port) for port in member.ports)


def _is_there(_: State, __: Member) -> bool:
    return True


def registry(state: State) -> "Registry":
    """Where its roles tell who lives and who leads; to be closed by the caller."""
    from common.clock import SystemClock
    from common.registries.choose import registry_of
    from common.transports.redis_client import connect

    known = settings(state)
    return registry_of(known, partial(connect, known.redis_url), SystemClock())


def tap(state: State) -> Tap:
    """The bus of its roles, as an onlooker sees it; to be closed by the caller."""
    from common.transports.redis_client import connect

    known = settings(state)
    return Tap(known, partial(connect, known.redis_url))


def _is_present(state: State, member: Member) -> bool:
    there = registry(state)
    try:
        present = there.members(f"live-{member.role}s")
        return present.get(member.name, {}).get("pid") == member.pid
    except Unavailable:
        return False
    finally:
        there.close()


def _answers_calls(state: State, member: Member) -> bool:
    """A manager is present, and where there is a door before the managers, it is found as one who answers calls."""
    if not _is_present(state, member):
        return False
    if not any(one.role in DOORS for one in state.members):
        return True
    there = registry(state)
    try:
        return any(info.get("pid") == member.pid for info in there.members(group_of(TASK_MANAGER)).values())
    except Unavailable:
        return False
    finally:
        there.close()


def _serves(state: State, member: Member) -> bool:
    """An API answers; where all managers are away it can do no more than that."""
    managed = any(one.role == "manager" and one.state == "running" for one in state.members)
    try:
        with closing(HTTPConnection(LOOPBACK, member.port, timeout=1)) as there:
            there.request("GET", "/readyz" if managed else "/healthz")
            return there.getresponse().status == 200
    except (OSError, HTTPException):
        return False


def _holds_lease(state: State, member: Member) -> bool:
    from common.store.keys import Keys
    from common.transports.redis_client import connect, redis_errors

    known = settings(state)
    with connect(known.redis_url) as client:
        try:
            with redis_errors():
                holder = client.hget(Keys(known.namespace).agent(member.name), "pid")
                return bool(holder == str(member.pid))
        except Unavailable:
            return False


def log_tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log, for an error's text; without Java's stack frames, which push out what went wrong."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join([line for line in text.splitlines() if not line.startswith("\tat ")][-lines:])
