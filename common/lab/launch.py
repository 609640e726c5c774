"""How a member is started: its command, its environment, and how one sees that it is ready."""

import os
from pathlib import Path

from common.domain.errors import Unavailable
from common.lab.home import MARK, Home, Member, State
from common.lab.servers import Profile, redis_answers, redis_binary, redis_command, redis_url
from common.settings import Settings

SETTINGS = {"redis": "DTS_REDIS_URL"}
"""Per role of a server, the setting by which clients find it."""
SERVER_WITHIN = 15.0
"""Seconds in which a server must answer."""
AGENT_WITHIN = 15.0
"""Seconds in which an agent must hold its lease, beside those that a lost agent of its name may still hold it."""


def is_server(member: Member) -> bool:
    """Whether it is a server, which needs a port, and which all members that come after it need."""
    return member.role in SETTINGS


def command(home: Home, state: State, member: Member) -> list[str]:
    """The command line; a server's is made for its port, and keeps the binary that it was first started with."""
    if not is_server(member):
        return member.argv
    binary = Path(member.argv[0]) if member.argv else redis_binary(Profile(state.profile))
    return redis_command(binary, member.port, home.data / member.name)


def addresses(state: State) -> dict[str, str]:
    """Where this cluster's servers are, as the settings that clients take."""
    return {SETTINGS[member.role]: redis_url(member.port) for member in state.members if is_server(member)}


def environment(home: Home, state: State, member: Member) -> dict[str, str]:
    """What a member gets: our own environment, the settings `up` was given, and what only the cluster knows."""
    given = os.environ | state.environment
    inherited = [name for name in given.get("DTS_ENV_PASSTHROUGH", "").split(",") if name]
    return {
        **given,
        **addresses(state),
        "DTS_HOME": str(home.data / member.name),
        "DTS_ENV_PASSTHROUGH": ",".join([*inherited, MARK]),
        MARK: str(home.path),
    }


def settings(state: State) -> Settings:
    """The settings under which the members of this cluster run, as far as they are the same for all."""
    return Settings.load(os.environ | state.environment | addresses(state))


def ready_within(state: State, member: Member) -> float:
    """Seconds that `ready` may take to become true."""
    return SERVER_WITHIN if is_server(member) else AGENT_WITHIN + settings(state).lease


def ready(state: State, member: Member) -> bool:
    """Whether a running member does its work: a server answers, an agent holds its lease."""
    if member.role == "redis":
        return redis_answers(member.port, member.pid)
    return member.role != "agent" or not _redis_runs(state) or _holds_lease(state, member)


def _redis_runs(state: State) -> bool:
    # An agent that is started while its Redis is away waits for it, and that is all it can do.
    return any(member.role == "redis" and member.state == "running" for member in state.members)


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
    """The last lines of a log, for an error's text."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
