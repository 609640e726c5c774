"""Cable: what a member reaches its servers through, so that it can be cut off from them as a network does it.

    python -m common.lab.cable 15001:15000 15003:15002       each port leads to the other one on this machine

A cable that is frozen is a network that is cut: nothing comes through, nobody is told, and when it is thawed all that
was sent meanwhile arrives, late.
"""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable

from common.lab.ports import LOOPBACK

CHUNK = 65_536
"""Bytes that are led on at once."""


class Cable:
    """Leads connections to `port` on to another port, while it is not cut. Safe to use from many threads."""

    def __init__(self, to: int, port: int = 0) -> None:
        """`port` is one that is free, if 0 is given. Raises OSError where it can't listen."""
        self._to = to
        self._whole = threading.Event()
        self._whole.set()
        self._record: bytearray | None = None
        self._listener = socket.create_server((LOOPBACK, port))
        self._sockets = [self._listener]
        self.port = int(self._listener.getsockname()[1])
        self._run(self._accept)

    def recorded(self) -> bytearray:
        """All that comes through from now on, as it grows."""
        self._record = bytearray()
        return self._record

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        """Break all connections."""
        for one in list(self._sockets):
            # Closing alone would not wake the thread that waits in it.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.mend()

    def _run(self, target: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        return thread

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._run(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        self._whole.wait()
        try:
            server = socket.create_connection((LOOPBACK, self._to))
        except OSError:
            # As whoever came would have learned without us.
            self._sockets.remove(client)
            client.close()
            return
        self._sockets.append(server)
        there = self._run(self._lead, client, server)
        self._lead(server, client)
        # Nobody may wait in a socket any more that is closed: its number may be another's at once.
        there.join()
        for one in (client, server):
            self._sockets.remove(one)
            one.close()

    def _lead(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(CHUNK):
                self._whole.wait()
                if self._record is not None:
                    self._record += data
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def main(pairs: list[str]) -> None:
    """Be one until a signal ends it."""
    for pair in pairs:
        port, _, to = pair.partition(":")
        Cable(int(to), int(port))
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
