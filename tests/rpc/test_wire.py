"""One connection: what crosses it, and what does not."""

import contextlib
import pickle
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import rpyc
from rpyc.core import brine, consts
from rpyc.core.channel import Channel
from rpyc.core.stream import SocketStream

from common.domain.errors import CorruptTask, InvalidTask, Rejected, Unanswered, Unavailable
from common.lab.until import until
from common.rpc.handshake import as_client, dial
from common.rpc.line import Line
from common.rpc.server import RpcServer
from common.rpc.wire import CALL
from tests.rpc.conftest import SECRET, SERVICE, Serve


def line_to(server: RpcServer, patience: float = 5.0) -> Line:
    return Line(server.address, SECRET, SERVICE, patience)


@pytest.fixture
def line(serve: Serve) -> Iterator[Line]:
    with closing(line_to(serve())) as opened:
        yield opened


@pytest.mark.parametrize("value", [{}, {"a": [1, 2.5, None, True, "ü\u2028\x00"]}, {"much": "x" * 3_000_000}])
def test_what_json_can_say_comes_back_as_it_was(line: Line, value: dict[str, Any]) -> None:
    assert line.call("echo", value, 5) == value


def test_an_error_of_dts_comes_as_itself_with_its_words(serve: Serve) -> None:
    def refuse(_: Any) -> None:
        raise InvalidTask("timeout: must be above 0")

    def spoilt(_: Any) -> None:
        raise CorruptTask("task 'x' can't be read back")

    with closing(line_to(serve(refuse=refuse, spoilt=spoilt))) as line:
        with pytest.raises(InvalidTask, match="timeout: must be above 0"):
            line.call("refuse", {}, 5)
        with pytest.raises(CorruptTask, match="can't be read back"):
            line.call("spoilt", {}, 5)
        assert line.usable


def test_a_method_that_only_another_version_has_is_told_as_that(line: Line) -> None:
    with pytest.raises(Rejected, match="there is no 'invented_later' here; the other side is of another version"):
        line.call("invented_later", {}, 5)
    assert line.usable


def test_a_bug_of_the_provider_is_told_without_its_insides(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("password=hunter2")

    with closing(line_to(serve(fail=fail))) as line:
        with pytest.raises(Unanswered) as told:
            line.call("fail", {}, 5)
        assert "hunter2" not in str(told.value)
        assert "hunter2" in caplog.text
        assert line.call("echo", {"still": "there"}, 5) == {"still": "there"}


def test_an_answer_that_is_no_json_is_a_bug_too(serve: Serve) -> None:
    with closing(line_to(serve(odd=lambda _: object()))) as line, pytest.raises(Unanswered):
        line.call("odd", {}, 5)


def test_a_method_that_there_is_not_is_refused(line: Line) -> None:
    with pytest.raises(Exception, match="no 'shutdown' here"):
        line.call("shutdown", {}, 5)


def test_a_provider_that_does_not_answer_is_waited_for_no_longer_than_was_said(
    serve: Serve, released: threading.Event
) -> None:
    hanging = serve(hang=lambda _: released.wait(20))
    told = pytest.raises(Unanswered, match=r"has not answered hang within 0\.2 s")
    with closing(line_to(hanging)) as line, told:
        line.call("hang", {}, 0.2)


def test_who_does_not_know_the_secret_is_not_heard(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unavailable, match="can't be trusted"):
        Line(serve().address, "another", SERVICE, 5)
    until(lambda: "does not know the secret" in caplog.text, within=5)


def test_who_asks_for_another_service_is_not_heard(serve: Serve) -> None:
    with pytest.raises(Unavailable, match="can't be trusted"):
        Line(serve().address, SECRET, "another", 5)


def test_a_client_finds_out_a_server_that_does_not_know_the_secret() -> None:
    with _rubbish(b"DTSRPC\x00\x01" + bytes(32) + bytes(32)) as address, pytest.raises(Unavailable, match="secret"):
        dial(address, SECRET, SERVICE)


def test_another_version_is_told_as_such() -> None:
    with (
        _rubbish(b"DTSRPC\x00\x07" + bytes(32)) as address,
        pytest.raises(Unavailable, match="speaks version 7 of dts' RPC; this dts speaks 1"),
    ):
        dial(address, SECRET, SERVICE)


def test_what_is_no_rpc_at_all_is_told_as_such() -> None:
    with _rubbish(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address, pytest.raises(Unavailable, match="does not speak"):
        dial(address, SECRET, SERVICE)


def test_nobody_there_means_that_nothing_happened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Unavailable, match="can't reach") as told:
        dial(f"127.0.0.1:{port}", SECRET, SERVICE)
    assert not told.value.may_have_happened


def test_a_plain_rpyc_client_gets_nothing(serve: Serve) -> None:
    host, port = serve().address.split(":")
    with pytest.raises((EOFError, OSError)), rpyc.connect(host, int(port), config={"sync_request_timeout": 5}) as plain:
        plain.root.answer("echo", b"{}")


HOSTILE = {
    "the root": (consts.HANDLE_GETROOT, (consts.LABEL_VALUE, ())),
    "an attribute": (consts.HANDLE_GETATTR, (consts.LABEL_VALUE, ("answer", "__globals__"))),
    "a pickle": (consts.HANDLE_PICKLE, (consts.LABEL_VALUE, (pickle.dumps(print), 2))),
    "a reference to an object of theirs": (CALL, (consts.LABEL_REMOTE_REF, ("builtins.dict", 1, 2))),
    "a reference to an object of ours": (CALL, (consts.LABEL_LOCAL_REF, ("builtins.dict", 1, 2))),
    "a tuple of references": (CALL, (consts.LABEL_TUPLE, ((consts.LABEL_REMOTE_REF, ("a", 1, 2)),))),
    "too few arguments": (CALL, (consts.LABEL_VALUE, ("echo",))),
    "arguments of other kinds": (CALL, (consts.LABEL_VALUE, (b"echo", "{}"))),
    "a request of no known kind": (99, (consts.LABEL_VALUE, ("echo", b"{}"))),
}


@pytest.mark.parametrize("asked", HOSTILE.values(), ids=HOSTILE)
def test_whoever_knows_the_secret_still_gets_only_values(serve: Serve, asked: tuple[int, Any]) -> None:
    channel = _authenticated(serve())
    channel.send(bytes([consts.MSG_REQUEST]) + brine.dump((1, asked)))
    raw = channel.recv()
    assert raw[0] == consts.MSG_EXCEPTION
    assert brine.load(raw[1:]) == (1, "refused")
    channel.close()


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x01\xff\xff\xff", b"\x07rubbish", b"\x01" + b"\x10" * 5000])
def test_bytes_that_are_no_message_end_only_their_own_connection(serve: Serve, raw: bytes) -> None:
    server = serve()
    channel = _authenticated(server)
    channel.send(raw)
    channel.stream.sock.settimeout(5)
    if raw:
        assert channel.stream.sock.recv(1) == b""
    channel.close()
    with closing(line_to(server)) as line:
        assert line.call("echo", {"well": True}, 5) == {"well": True}


def test_a_message_that_says_it_is_of_gigabytes_is_not_waited_for(serve: Serve) -> None:
    channel = _authenticated(serve())
    channel.stream.write(Channel.FRAME_HEADER.pack(4_000_000_000, 0))
    channel.stream.sock.settimeout(5)
    assert channel.stream.sock.recv(1) == b""
    channel.close()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(lambda seq: brine.dump((seq, (consts.LABEL_VALUE, b"not json"))), id="no json"),
        pytest.param(lambda seq: brine.dump((seq, (consts.LABEL_VALUE, b"[]"))), id="no envelope"),
        pytest.param(lambda seq: brine.dump((seq, (consts.LABEL_VALUE, 7))), id="no bytes"),
        pytest.param(lambda seq: brine.dump((seq, (consts.LABEL_REMOTE_REF, ("x", 1, 2)))), id="a reference"),
        pytest.param(lambda seq: b"\xff\xff", id="no message"),  # noqa: ARG005
    ],
)
def test_a_provider_that_answers_rubbish_is_found_out(said: Any) -> None:
    from common.rpc.handshake import as_server

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            sock, _ = listener.accept()
            as_server(sock, SECRET, SERVICE)
            channel = Channel(SocketStream(sock), compress=False)
            seq, _ = brine.load(channel.recv()[1:])
            channel.send(bytes([consts.MSG_REPLY]) + said(seq))
            sock.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with closing(Line(address, SECRET, SERVICE, 5)) as line, pytest.raises(Unanswered):
            line.call("echo", {}, 5)
        thread.join(5)


def test_an_answer_that_stops_in_its_middle_is_not_waited_for_for_ever() -> None:
    from common.rpc.handshake import as_server

    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def answer() -> None:
            sock, _ = listener.accept()
            as_server(sock, SECRET, SERVICE)
            Channel(SocketStream(sock), compress=False).recv()
            sock.sendall(Channel.FRAME_HEADER.pack(1000, 0) + b"half")
            done.wait(20)
            sock.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with closing(Line(address, SECRET, SERVICE, 0.3)) as line, pytest.raises(Unanswered, match="went away"):
            line.call("echo", {}, 5)
        done.set()
        thread.join(5)


def _authenticated(server: RpcServer) -> Channel:
    host, port = server.address.split(":")
    sock = socket.create_connection((host, int(port)), 5)
    as_client(sock, SECRET, SERVICE)
    return Channel(SocketStream(sock), compress=False)


class _rubbish:  # noqa: N801 - read as a verb
    """A server that says these bytes to whoever comes."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def __enter__(self) -> str:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join(5)

    def _answer(self) -> None:
        sock, _ = self._listener.accept()
        with sock:
            sock.sendall(self._said)
            sock.settimeout(5)
            with contextlib.suppress(ConnectionError):
                while sock.recv(1000):
                    pass
