"""A TLS terminator: clients come by TLS and prove themselves, and it leads them on to a server that knows no TLS."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from common.lab.ports import LOOPBACK
from common.transports.tls import Tls
from tests.certificates import Certified

CHUNK = 65_536


@contextlib.contextmanager
def tls_before(port: int, ours: Certified) -> Iterator[int]:
    """For the block: the port by TLS that leads to `port`."""
    loop = asyncio.new_event_loop()
    context = Tls("terminator", ours.ca, ours.certificate, ours.key).server()

    async def led(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, on = await asyncio.open_connection(LOOPBACK, port)
        await asyncio.gather(_lead(reader, on), _lead(there, writer))

    server = loop.run_until_complete(asyncio.start_server(led, LOOPBACK, 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_end_all())
        loop.close()


async def _end_all() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
