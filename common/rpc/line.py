"""Line: one connection to one provider, for one thread at a time."""

import ssl
from typing import Any

from common.domain.errors import Unanswered
from common.rpc.envelope import question, value_of
from common.rpc.handshake import dial
from common.rpc.wire import Refused, connection


class Line:
    """Open from when it is made; raises Unavailable then. A line that raised Unanswered is spoilt: close it."""

    def __init__(
        self, address: str, secret: str, service: str, patience: float, tls: ssl.SSLContext | None = None
    ) -> None:
        self.address = address
        self._connection = connection(dial(address, secret, service, tls), patience)

    @property
    def usable(self) -> bool:
        """False where the other side has closed it, or has said what nobody asked for."""
        try:
            return not (self._connection.closed or self._connection._channel.poll(0))  # noqa: SLF001
        except (EOFError, OSError):
            return False

    def call(self, method: str, arguments: dict[str, Any], within: float) -> Any:
        """The value that the provider answers within so many seconds.

        Raises the error that it tells; Unanswered where no answer came, or one that can't be read.
        """
        body = question(arguments)
        try:
            told = self._connection.ask(method, body, within)
        except TimeoutError as error:
            raise Unanswered(f"{self.address} has not answered {method} within {within:g} s") from error
        except (EOFError, OSError) as error:
            raise Unanswered(f"{self.address} went away before it answered {method}") from error
        except Refused as error:
            raise Unanswered(f"{self.address} does not speak as it should: {error}") from error
        except Exception as error:
            # rpyc's own reading of bytes that are none of its.
            raise Unanswered(f"{self.address} answers rubbish: {error!r}") from error
        return value_of(told, self.address)

    def close(self) -> None:
        self._connection.close()
