"""The server beneath: a real socket, slow and rude clients, and its end."""

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable

import pytest

from common.clock import SystemClock
from common.domain.errors import BadSetting
from common.lab.until import until
from common.service import Host
from common.settings import Settings
from stage4_api.api import connections, worker
from stage4_api.api.server import ApiServer
from tests.stage4.api.conftest import Door, Opens

TASKS = "/api/v1/tasks"
SUBMIT = b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def raw(door: Door, data: bytes = b"") -> socket.socket:
    """A bare connection on which this was sent."""
    connection = door.opened.enter_context(socket.create_connection(("127.0.0.1", door.server.port), timeout=10))
    connection.sendall(data)
    return connection


def answered(connection: socket.socket) -> http.client.HTTPResponse:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer


def code_of(connection: socket.socket) -> tuple[int, str]:
    """Of the problem that comes."""
    answer = answered(connection)
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status, json.loads(answer.read())["code"]


def closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(65_536) == b""
    except ConnectionResetError:
        return True


def served(door: Door) -> bool:
    connection = raw(door, ASK)
    answer = answered(connection)
    answer.read()
    connection.close()
    return answer.status == 200


def test_one_connection_serves_many_requests(door: Door) -> None:
    connection = door.connect()
    for _ in range(3):
        connection.request("POST", TASKS, b'{"content": "true"}', {"Content-Type": "application/json"})
        answer = connection.getresponse()
        task_id = json.loads(answer.read())["taskId"]
        assert answer.status == 201
        connection.request("GET", f"{TASKS}/{task_id}")
        answer = connection.getresponse()
        assert json.loads(answer.read())["status"] == "PENDING"


def test_a_body_in_chunks_is_a_body(door: Door) -> None:
    connection = door.connect()
    body = iter([b'{"content"', b': "true"}'])
    connection.request("POST", TASKS, body, {"Content-Type": "application/json"}, encode_chunked=True)
    assert connection.getresponse().status == 201


@pytest.mark.parametrize("chunked", [False, True])
def test_two_megabytes_are_refused_in_words_that_reach_the_client(door: Door, chunked: bool) -> None:
    body = json.dumps({"content": "x" * 2_000_000}).encode()
    sent = iter([body]) if chunked else body
    connection = door.connect()
    connection.request("POST", TASKS, sent, {"Content-Type": "application/json"}, encode_chunked=chunked)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "TOO_LARGE")
    assert served(door)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "BAD_REQUEST"),
        (SUBMIT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "BAD_REQUEST"),
        (SUBMIT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "BAD_REQUEST"),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", 414, "URI_TOO_LONG"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
        (b"GET //api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "BAD_PATH"),
        (b"GET /api/../api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "NOT_FOUND"),
        (b"GET http://evil.example/api/v1/tasks HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "FOREIGN_CALLER"),
        (b"GET /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400, "BAD_REQUEST"),
    ],
)
def test_what_is_no_request_is_a_problem_too(door: Door, data: bytes, status: int, code: str) -> None:
    assert code_of(raw(door, data)) == (status, code)
    assert served(door)


def test_a_client_that_goes_away_in_the_middle_harms_nobody(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    for part in (b"", b"GET /heal", SUBMIT, SUBMIT + b"Content-Length: 100\r\n\r\n{", ASK):
        connection = raw(door, part)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    assert served(door)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "part", [b"GET /heal", SUBMIT + b"X-Slow: ", SUBMIT + b"Content-Length: 100\r\n\r\n{", b""], ids=repr
)
def test_slow_clients_hold_up_nobody_and_are_cut_off(
    opens: Opens, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    monkeypatch.setattr(connections, "RECEIVE_WITHIN", 1.5)
    door = opens(api_threads=1)
    slow = [raw(door, part) for _ in range(5)]
    assert served(door)
    if part:
        done = threading.Event()

        def drip() -> None:
            # A byte now and then does not make it a quick client.
            while not done.wait(0.2):
                try:
                    slow[0].sendall(b"x")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        begun = time.monotonic()
        try:
            for connection in slow:
                until(lambda connection=connection: closed(connection), within=8)  # type: ignore[misc]
        finally:
            done.set()
            dripping.join()
        assert time.monotonic() - begun < 5
    assert served(door)


def test_a_client_that_does_not_read_is_cut_off(
    opens: Opens, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "SEND_WITHIN", 0.5)
    door = opens(api_threads=1)
    for number in range(20):
        door.submit("x" * 900_000, taskId=f"t-{number}")
    ask = b"GET /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n\r\n"
    deaf = [raw(door, ask) for _ in range(9)]
    until(lambda: served(door), within=8)
    assert len(deaf) == 9
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_clients_that_keep_an_ended_connection_open_do_not_stall_the_others(door: Door) -> None:
    rude = [raw(door, ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) for _ in range(10)]
    for connection in rude:
        assert answered(connection).status == 200
    begun = time.monotonic()
    for _ in range(10):
        assert served(door)
    assert time.monotonic() - begun < 1.5


def test_it_ends_within_seconds_whatever_clients_do(door: Door) -> None:
    task_id = door.submit()
    stream, waiting, idle, half = (
        raw(door, f"GET {TASKS}/{task_id}/log/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()),
        raw(door, f"GET {TASKS}/{task_id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n".encode()),
        raw(door, ASK),
        raw(door, b"GET /heal"),
    )
    assert answered(stream).status == 200
    assert answered(idle).read()
    until(lambda: door.app.desk.follower._waiting)
    begun, ended = time.monotonic(), threading.Event()
    host = door._host
    assert host

    def stop() -> None:
        host.stop()
        ended.set()

    stopping = threading.Thread(target=stop)
    stopping.start()
    assert json.loads(answered(waiting).read())["status"] == "PENDING"
    assert time.monotonic() - begun < 2
    assert ended.wait(10)
    stopping.join()
    assert time.monotonic() - begun < 8
    door._host = None
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", door.server.port))
    # Nothing that a client leaves open keeps the process from its exit.
    assert closed(half)
    until(lambda: not [one for one in threading.enumerate() if one.name.startswith("ThreadPoolExecutor")])


def test_who_connects_before_it_serves_is_served_when_it_does(door: Door) -> None:
    early = ApiServer(door.app, door.settings)
    connection = door.opened.enter_context(socket.create_connection((early.host, early.port), timeout=10))
    connection.sendall(ASK)
    host = Host([early], SystemClock())
    host.start()
    assert answered(connection).status == 200
    connection.close()
    host.stop()


def test_a_port_that_is_taken_is_told_of(door: Door) -> None:
    taken = Settings.load({}, api_listen=f"127.0.0.1:{door.server.port}")
    with pytest.raises(BadSetting, match="can't listen"):
        ApiServer(door.app, taken)


def test_a_worker_that_dies_is_replaced(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert served(door)
    died: Callable[[], bool] = lambda: "another takes its place" in caplog.text  # noqa: E731
    monkeypatch.setattr(worker.Worker, "murder_pending", lambda _: 1 / 0)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    until(died, within=5)
    monkeypatch.undo()
    until(lambda: served(door), within=5)
