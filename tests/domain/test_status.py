"""The table of moves, and what follows from it."""

from common.domain.result import CHARGED, HANDED_BACK, Reason, Result, failure, success
from common.domain.status import FINAL, MOVES, Answer, Status, Verb, legal


def test_every_verb_has_its_moves() -> None:
    assert set(MOVES) == set(Verb)


def test_only_submit_makes_tasks() -> None:
    assert [verb for verb in Verb if any(legal(verb, None, after) for after in Status)] == [Verb.SUBMIT]
    assert [after for after in Status if legal(Verb.SUBMIT, None, after)] == [Status.PENDING]
    assert not any(legal(Verb.SUBMIT, before, after) for before in Status for after in Status)


def test_only_a_retry_leads_out_of_a_final_status() -> None:
    ways = [(verb, before) for verb in Verb for before in FINAL if any(legal(verb, before, to) for to in Status)]
    assert sorted(ways) == [(Verb.RETRY, Status.CANCELLED), (Verb.RETRY, Status.FAILED)]
    assert {status for status in Status if status.final} == FINAL


def test_a_task_runs_only_after_it_was_assigned() -> None:
    ways = [(verb, before) for verb in Verb for before in Status if legal(verb, before, Status.RUNNING)]
    assert sorted(ways) == [(Verb.START, Status.DISPATCHED), (Verb.START, Status.SCHEDULED)]
    assert [before for before in Status if legal(Verb.ASSIGN, before, Status.SCHEDULED)] == [Status.PENDING]


def test_every_status_can_be_reached_and_every_live_one_left() -> None:
    reached = {after for move in MOVES.values() for after in move.after}
    left = {before for move in MOVES.values() for before in move.before}
    assert reached == set(Status)
    assert left >= set(Status) - FINAL


def test_what_was_asked_holds_after_ok_and_same_only() -> None:
    assert {answer for answer in Answer if answer.done} == {Answer.OK, Answer.SAME}


def test_a_reason_costs_a_retry_or_hands_back_or_is_the_end() -> None:
    assert not CHARGED & HANDED_BACK
    ends = {Reason.UNKNOWN_TYPE, Reason.UNREADABLE, Reason.CANCELLED, Reason.AGENT_LOST, Reason.EXPIRED}
    assert set(Reason) == CHARGED | HANDED_BACK | ends


def test_a_result_says_what_it_costs() -> None:
    assert failure(Reason.TIMEOUT, "10 s are over") == Result(Status.FAILED, Reason.TIMEOUT, None, "10 s are over")
    assert failure(Reason.EXIT_CODE, "exit code 1", exit_code=1).charged
    assert failure(Reason.AGENT_STOPPED, "stopped").handed_back
    assert (success().charged, success().handed_back, success().exit_code) == (False, False, 0)
