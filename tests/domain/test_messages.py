"""A dispatch comes back as it was sent; anything else is refused with what is wrong with it."""

import pytest

from common.domain.errors import BadMessage
from common.domain.messages import Dispatch


def test_a_dispatch_comes_back_as_it_was_sent() -> None:
    sent = Dispatch("agent-1", "boot", [("a", 1), ("b", 7)])
    assert Dispatch.decode(sent.encode().encode()) == sent


def test_fields_that_a_newer_dts_may_send_are_ignored() -> None:
    raw = b'{"schema":1,"agent":"a","boot":"b","tasks":[{"taskId":"t","attempt":2,"more":1}],"new":{}}'
    assert Dispatch.decode(raw) == Dispatch("a", "b", [("t", 2)])


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"agent":"a","boot":"b","tasks":[]}', "schema is None"),
        (b'{"schema":2,"agent":"a","boot":"b","tasks":[]}', "schema is 2; this dts reads 1"),
        (b'{"schema":1,"agent":1,"boot":"b","tasks":[]}', "an agent, a boot and a list"),
        (b'{"schema":1,"agent":"a","boot":"b","tasks":["t"]}', "a taskId and an attempt above 0"),
        (b'{"schema":1,"agent":"a","boot":"b","tasks":[{"taskId":"t","attempt":true}]}', "an attempt above 0"),
        (b'{"schema":1,"agent":"a","boot":"b","tasks":[{"taskId":"t","attempt":0}]}', "an attempt above 0"),
    ],
)
def test_what_is_no_dispatch_is_refused_with_the_reason(raw: bytes, why: str) -> None:
    with pytest.raises(BadMessage, match=why):
        Dispatch.decode(raw)
