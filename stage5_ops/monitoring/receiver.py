"""A receiver of alerts: prints each that Alertmanager tells as a line. An example to start one's own from.

python -m stage5_ops.monitoring.receiver 127.0.0.1:9095
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGEST = 4 << 20
"""Bytes of one message."""
PATIENCE = 10.0
"""Seconds in which a message has to come."""

Told = Callable[[str], None]


class Receiver(ThreadingHTTPServer):
    """Takes what Alertmanager's webhook posts; `told` hears a line for each alert, also when it is over."""

    daemon_threads = True

    def __init__(self, host: str, port: int, told: Told) -> None:
        self.told = told
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = PATIENCE

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self.send_error(413)
            return
        try:
            told = list(lines(json.loads(self.rfile.read(int(length)))))
        except (ValueError, TypeError, KeyError, AttributeError):
            # Alertmanager does not send again what was answered with 4xx.
            self.send_error(400)
            return
        for line in told:
            self.server.told(line)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server calls it
        """The alerts themselves are the log."""


def lines(message: Mapping[str, Any]) -> Iterator[str]:
    """One for each alert of a message: when, firing or resolved, how bad, which, and in words."""
    for alert in message["alerts"]:
        firing = alert["status"] == "firing"
        labels, words = alert["labels"], alert["annotations"]
        severity = f" {labels.get('severity', '')}" if firing else ""
        text = f"{alert['startsAt' if firing else 'endsAt'][:19]}Z {alert['status']}{severity} {labels['alertname']}"
        text += f": {words.get('summary', '')}" + (f" – see {words['runbook_url']}" if firing else "")
        # Whatever stands in a label: one line, and nothing that moves a terminal's cursor.
        yield "".join(char if char.isprintable() else "?" for char in text)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Listen at the address that is given, and print, until Ctrl-C."""
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9095"
    host, _, port = address.rpartition(":")
    try:
        with Receiver(host, int(port), _print) as receiver, suppress(KeyboardInterrupt):
            receiver.serve_forever()
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(f"can't listen at {address!r}: {error}; give it an address like 127.0.0.1:9095")


if __name__ == "__main__":
    main()
