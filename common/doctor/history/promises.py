"""Promises: what a client was told of its submissions holds. I1, and the client's half of I11."""

from collections.abc import Iterator, Sequence

from common.doctor.history.invariants import I1, I11, Violation
from common.doctor.history.records import Call, Life


def promises(life: Life, *, retention: float, now: float) -> Iterator[Violation]:
    """Each breach of them; tasks may leave `retention` seconds after their end, and not before."""
    asked = [call for call in life.calls if call.op == "submit"]
    stored = [call for call in asked if call.outcome == "ok"]
    if life.standing is None:
        yield from _gone(life, [call for call in stored if now < call.until + retention])
    elif _refused(life, asked, now):
        seen = "its client was told each time that nothing was done, and it is there"
        yield Violation(I11, life.task_id, seen, tuple(map(str, asked)))
    else:
        yield from _others(life, life.standing.request_id, stored)


def _refused(life: Life, asked: Sequence[Call], now: float) -> bool:
    """Whether all that its client was told is that nothing was done; of what came later the log knows nothing."""
    made = life.entries[0].at if life.entries else now
    return bool(asked) and made < now and all(call.outcome == "fail" for call in asked)


def _gone(life: Life, stored: Sequence[Call]) -> Iterator[Violation]:
    if stored:
        yield Violation(I1, life.task_id, "a client was told that it is stored, and it is not there", (str(stored[0]),))


def _others(life: Life, request_id: str, stored: Sequence[Call]) -> Iterator[Violation]:
    for call in stored:
        if call.request_id and call.request_id != request_id:
            seen = f"a client got it for requestId {call.request_id!r}, and its own is {request_id!r}"
            yield Violation(I11, life.task_id, seen, (str(call),))
