"""`until` returns what came true, and says what did not."""

import pytest

from common.lab.until import NotYet, until


class Agents(list[str]):
    def __bool__(self) -> bool:
        return len(self) >= 2


def test_what_the_predicate_gave_is_returned() -> None:
    assert until(lambda: "here") == "here"


def test_it_asks_again_until_it_is_true() -> None:
    answers = iter([None, 0, "", "done"])
    assert until(lambda: next(answers), every=0.001) == "done"


def test_a_wait_in_vain_says_what_was_expected_and_seen() -> None:
    with pytest.raises(NotYet, match=r"waited 0.02 s for a second agent; seen last: \['agent-1'\]"):
        until(lambda: Agents(["agent-1"]), within=0.02, what="a second agent")


def test_an_assertion_in_the_predicate_means_not_yet() -> None:
    calls: list[int] = []

    def third_time() -> int:
        calls.append(1)
        assert len(calls) == 3, f"only {len(calls)}"
        return len(calls)

    assert until(third_time, every=0.001) == 3


def test_the_last_failed_assertion_is_told() -> None:
    def never() -> bool:
        raise AssertionError("the queue still holds 3")

    with pytest.raises(NotYet, match="for never; seen last: the queue still holds 3"):
        until(never, within=0.01)


def test_other_errors_pass_through_at_once() -> None:
    nobody: dict[str, int] = {}
    with pytest.raises(KeyError):
        until(lambda: nobody["absent"], within=60)
