"""A TCP proxy that can be cut as a network is: nothing comes through, nobody is told; mended, what was sent arrives."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from common.lab.ports import LOOPBACK


class Wire:
    """Leads connections to `port` on to another port, while it is not cut. Safe to use from many threads."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._whole = threading.Event()
        self._whole.set()
        self._record: bytearray | None = None
        self._listener = socket.create_server((LOOPBACK, 0))
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
        for one in self._sockets:
            # Closing alone would not wake the thread that waits in it.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.mend()

    def _run(self, target: object, *args: object) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._run(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        self._whole.wait()
        with contextlib.suppress(OSError):
            server = socket.create_connection((LOOPBACK, self._to))
            self._sockets.append(server)
            self._run(self._lead, client, server)
            self._lead(server, client)

    def _lead(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self._whole.wait()
                if self._record is not None:
                    self._record += data
                other.sendall(data)
            other.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire(to: int) -> Iterator[Wire]:
    """For the block."""
    made = Wire(to)
    try:
        yield made
    finally:
        made.close()
