"""The example of a receiver: a line for each alert, whatever is in it, and no harm from what is none."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from stage5_ops.monitoring.receiver import Receiver

Post = Callable[[bytes], int]
FIRING = {
    "status": "firing",
    "labels": {"alertname": "NoLeader", "severity": "critical"},
    "annotations": {"summary": "No scheduler leads", "runbook_url": "docs/runbooks.md#noleader"},
    "startsAt": "2026-11-28T17:15:05.123Z",
    "endsAt": "0001-01-01T00:00:00Z",
}


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def post(told: list[str]) -> Iterator[Post]:
    with Receiver("127.0.0.1", 0, told.append) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.05,))
        thread.start()

        def send(body: bytes) -> int:
            try:
                with urlopen(
                    Request(f"http://127.0.0.1:{receiver.server_address[1]}/alerts", body), timeout=30
                ) as answer:
                    return int(answer.status)
            except HTTPError as error:
                return error.code

        yield send
        receiver.shutdown()
        thread.join()


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:99999", "127.0.0.1:-1", ":x"])
def test_an_address_at_which_nobody_can_listen_is_told(address: str) -> None:
    command = [sys.executable, "-m", "stage5_ops.monitoring.receiver", address]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"can't listen at {address!r}: ")
    assert "Traceback" not in ended.stderr


def _message(*alerts: dict[str, Any]) -> bytes:
    return json.dumps({"alerts": alerts}).encode()


def test_each_alert_is_a_line_when_it_fires_and_when_it_is_over(post: Post, told: list[str]) -> None:
    over = FIRING | {"status": "resolved", "endsAt": "2026-11-28T17:16:25.9Z"}
    assert post(_message(FIRING, over)) == 204
    assert told == [
        "2026-11-28T17:15:05Z firing critical NoLeader: No scheduler leads – see docs/runbooks.md#noleader",
        "2026-11-28T17:16:25Z resolved NoLeader: No scheduler leads",
    ]


def test_what_stands_in_a_label_stays_on_its_line(post: Post, told: list[str]) -> None:
    assert post(_message(FIRING | {"annotations": {"summary": "a\x1b[2J\nb", "runbook_url": ""}})) == 204
    assert len(told) == 1
    assert "a?[2J?b" in told[0]


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b"{}", b'{"alerts": [{}]}', b'{"alerts": [1]}', b"\xff\xfe"])
def test_what_is_no_message_of_alertmanager_is_refused(post: Post, told: list[str], body: bytes) -> None:
    assert post(body) == 400
    assert told == []
    assert post(_message(FIRING)) == 204
