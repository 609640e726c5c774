"""Ports on the loopback address."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil

from common.lab.errors import NoFreePort

LOOPBACK = "127.0.0.1"
LOWEST = 15_000
TRIES = 50


def free_ports() -> Iterator[int]:
    """Ports that nobody had when they were looked at, in random order.

    Whoever starts a server must be ready to take the next one: between our look and the server's
    bind another program may be faster. Raises NoFreePort when it runs out of them.
    """
    ceiling = max(_first_ephemeral(), LOWEST + TRIES)
    for port in random.sample(range(LOWEST, ceiling), TRIES):
        if is_free(port):
            yield port
    raise NoFreePort(f"no free port on {LOOPBACK} between {LOWEST} and {ceiling - 1}: {TRIES} were tried")


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As servers do: a port on which only old connections linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def listened(pid: int) -> set[int]:
    """The ports on which a process listens; none where it is gone, or is not ours to look into."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return set()
    return {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}


def _first_ephemeral() -> int:
    """Where the ports begin that the kernel gives to outgoing connections.

    They are avoided: a client that keeps asking for a server which is away can be given the server's
    own port as its sender's, is then connected to itself, and keeps the server from coming back.
    """
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768
