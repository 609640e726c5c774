"""Each message comes back as it was sent; anything else is refused with what is wrong with it."""

from collections.abc import Callable
from typing import Any

import pytest

from common.domain.errors import BadMessage
from common.domain.messages import (
    Beat,
    Cancel,
    Dispatch,
    Drain,
    LogUpdate,
    Order,
    Returned,
    Started,
    StatusUpdate,
    decode_order,
)
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import Reason, failure, success

TASK = Held("t", 3, "agent-1", "boot")
SENT: list[tuple[Any, Callable[[bytes], Any]]] = [
    (Dispatch("agent-1", "boot", [("a", 1), ("b", 7)]), Dispatch.decode),
    (Cancel("agent-1", "boot", [("a", 1)]), decode_order),
    (Drain("agent-1", "boot", []), decode_order),
    (
        StatusUpdate(
            "agent-1",
            "boot",
            9,
            [
                Started(TASK, 0.25),
                Returned(TASK),
                Finished(TASK, failure(Reason.TIMEOUT, "“late”", exit_code=-9), LogChunk(TASK, 4, "\x00"), 1.5),
                Finished(TASK, success("hi", 2), LogChunk(TASK, 0, "hi")),
            ],
        ),
        StatusUpdate.decode,
    ),
    (LogUpdate(LogChunk(TASK, 5, "日本語")), LogUpdate.decode),
    (
        Beat(
            *("agent-1", "boot", 1, 2, 3, 4, 0.5, 0.25, 0.125, 0.0, True),
            frozenset({("a", 1)}),
            frozenset({("b", 2), ("c", 3)}),
        ),
        Beat.decode,
    ),
]


SHAPELESS = "has an agent|has an offset|of a heartbeat is"


def raw_of(message: Any) -> bytes:
    said = message.encode()
    return said.encode() if isinstance(said, str) else bytes(said)


@pytest.mark.parametrize(("sent", "decode"), SENT, ids=[type(sent).__name__ for sent, _ in SENT])
def test_a_message_comes_back_as_it_was_sent(sent: Any, decode: Callable[[bytes], Any]) -> None:
    assert decode(raw_of(sent)) == sent


@pytest.mark.parametrize(("sent", "decode"), SENT, ids=[type(sent).__name__ for sent, _ in SENT])
def test_fields_that_a_newer_dts_may_send_are_ignored(sent: Any, decode: Callable[[bytes], Any]) -> None:
    raw = raw_of(sent)
    assert decode(raw[:-1] + b',"new":{"more":[1]}}') == sent


@pytest.mark.parametrize("decode", [decode for _, decode in SENT], ids=[type(sent).__name__ for sent, _ in SENT])
@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "schema is None"),
        (b'{"schema":2}', "schema is 2; this dts reads 1"),
        (b'{"schema":"1"}', "schema is '1'"),
        (b'{"schema":1}', SHAPELESS),
        (b'{"schema":1,"agent":1,"boot":2,"number":"3","updates":{},"of":[],"tasks":"x"}', SHAPELESS),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(decode: Callable[[bytes], Any], raw: bytes, why: str) -> None:
    with pytest.raises(BadMessage, match=why):
        decode(raw)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"schema":1,"agent":1,"boot":"b","tasks":[]}', "an agent, a boot and a list"),
        (b'{"schema":1,"agent":"a","boot":"b","tasks":["t"]}', "a taskId and an attempt above 0"),
        (b'{"schema":1,"agent":"a","boot":"b","tasks":[{"taskId":"t","attempt":true}]}', "an attempt above 0"),
        (b'{"schema":1,"agent":"a","boot":"b","tasks":[{"taskId":"t","attempt":0}]}', "an attempt above 0"),
        (b'{"schema":1,"kind":"dance","agent":"a","boot":"b","tasks":[]}', "knows dispatch, cancel, drain"),
    ],
)
def test_what_is_no_order_is_refused_with_the_reason(raw: bytes, why: str) -> None:
    with pytest.raises(BadMessage, match=why):
        decode_order(raw)


def test_an_order_of_another_kind_does_not_belong_among_dispatches() -> None:
    with pytest.raises(BadMessage, match="a cancel is not what belongs here"):
        Dispatch.decode(Cancel("a", "b", []).encode().encode())


def test_a_dispatch_of_an_earlier_dts_says_nothing_of_its_kind() -> None:
    raw = b'{"schema":1,"agent":"a","boot":"b","tasks":[{"taskId":"t","attempt":2,"more":1}]}'
    assert decode_order(raw) == Dispatch("a", "b", [("t", 2)])
    assert isinstance(decode_order(raw), Order)


OF = '"of":{"task_id":"t","attempt":1,"agent":"a","boot":"b"}'
RESULT = '"status":"SUCCESS","reason":null,"exit_code":0,"error":"","output":"","output_bytes":0'


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("{}", "an attempt has"),
        ("1", "each update is an object"),
        (f"{{{OF}}}", "has a result, or tells that"),
        (f'{{{OF},"result":{{"status":"RUNNING","reason":null}},"offset":0,"log":""}}', "RUNNING is no end"),
        (f'{{{OF},"result":{{{RESULT}}},"offset":"x","log":""}}', "no whole number"),
        (f'{{{OF},"result":{{}},"offset":0,"log":""}}', "not the end of an attempt"),
        (f'{{{OF.replace("1", "true")},"result":{{{RESULT}}},"offset":0,"log":""}}', "no whole number"),
        (f'{{{OF},"result":{{{RESULT.replace("null", chr(34) + "BAD" + chr(34))}}},"offset":0,"log":""}}', "BAD"),
    ],
)
def test_what_is_no_update_is_refused_with_the_reason(entry: str, why: str) -> None:
    raw = f'{{"schema":1,"agent":"a","boot":"b","number":1,"updates":[{entry}]}}'
    with pytest.raises(BadMessage, match=why):
        StatusUpdate.decode(raw.encode())
