"""A way to a server that can be cut at the worst moment: the command arrives, its answer does not."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from redis import Redis

from common.lab.ports import LOOPBACK
from common.lab.servers.redis import redis_url
from common.transports.redis_client import connect

ENOUGH = 65_536


class Severing:
    """Passes bytes between clients and the server on `port`, until it is told to lose an answer."""

    def __init__(self, port: int, slow: float = 0.0) -> None:
        self._to, self._slow = port, slow
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        self._clients: list[Redis] = []
        self._fatal: bytes | None = None
        self._closed_after = False
        self.lost = 0
        """How many answers were lost."""
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_the_answer_to(self, command: bytes, *, and_close: bool = False) -> None:
        """Of the next command with `command` in it; with `and_close` nobody can connect from then on."""
        self._closed_after = and_close
        self._fatal = command

    def client(self, **options: Any) -> Redis:
        """A new client that goes this way; takes the options of `connect`."""
        client = connect(redis_url(self.port), **options)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Let nobody through any more, and end the clients."""
        self._refuse()
        for client in self._clients:
            client.close()

    def _refuse(self) -> None:
        # Closing alone would not wake the thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection; a client sends its next command only after the answer to the last one."""
        with contextlib.suppress(OSError), client, socket.create_connection((LOOPBACK, self._to)) as server:
            threading.Thread(target=_answers, args=(server, client, self._slow), daemon=True).start()
            while command := client.recv(ENOUGH):
                if self._fatal and self._fatal in command:
                    self._lose(command)
                    break
                server.sendall(command)
            # Closing alone would not wake the thread that waits for answers.
            server.shutdown(socket.SHUT_RDWR)

    def _lose(self, command: bytes) -> None:
        self._fatal = None
        if self._closed_after:
            self._refuse()
        with socket.create_connection((LOOPBACK, self._to)) as server:
            server.sendall(command)
            server.recv(ENOUGH)
        self.lost += 1


def _answers(server: socket.socket, client: socket.socket, slow: float) -> None:
    with contextlib.suppress(OSError):
        while answer := server.recv(ENOUGH):
            threading.Event().wait(slow)
            client.sendall(answer)
        client.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def severing(port: int, slow: float = 0.0) -> Iterator[Severing]:
    """For the block; each answer takes `slow` seconds more than the server needs."""
    way = Severing(port, slow)
    try:
        yield way
    finally:
        way.close()
