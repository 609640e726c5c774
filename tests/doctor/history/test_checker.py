"""The checker sees a breach of each invariant, and says nothing of what is sound: so its silence means something."""

from typing import Any

import pytest

from common.doctor.history.invariants import INVARIANTS
from common.doctor.history.quiet import Quiet
from common.doctor.history.records import Life
from common.doctor.history.rest import Remains
from common.doctor.history.waits import Agents
from common.domain.status import Status
from tests.doctor.history.lives import (
    AGAIN,
    DAWN,
    DONE,
    DONE_AGAIN,
    FAILED,
    LOST,
    ONCE,
    RUN,
    SUBMIT,
    TWICE,
    life,
    outcomes,
    told,
)

CLEAN = Remains()
IDLE = Agents({"agent-1": "b1"}, room=4, slots={"agent-1": 1})

GOOD: dict[str, tuple[Life, ...]] = {
    "it ran once": (life(SUBMIT, *RUN, DONE, journal=ONCE, calls=["0.1 submit ok t r OK"], request_id="r"),),
    "its agent was lost": (life(SUBMIT, *RUN, LOST, *AGAIN, DONE_AGAIN, journal=TWICE),),
    "nobody knows of its first start": (life(SUBMIT, *RUN, LOST, *AGAIN, DONE_AGAIN, journal=TWICE[1:]),),
    "it failed, and was tried again": (life(SUBMIT, *RUN, FAILED, *AGAIN, DONE_AGAIN, journal=TWICE, retries=1),),
    "it was dispatched": (
        life(SUBMIT, RUN[0], "1.5 dispatched SCHEDULED DISPATCHED 1", "2 start DISPATCHED RUNNING 1", DONE,
             journal=ONCE),
    ),
    "it was cancelled while it ran": (
        life(SUBMIT, *RUN, "3 cancel RUNNING RUNNING 1", "4 report RUNNING CANCELLED 1", journal=ONCE[:1],
             calls=["3 cancel ok t - REQUESTED"]),
    ),
    "it was cancelled, then run after all": (
        life(SUBMIT, "1 cancel PENDING CANCELLED 0", "10 retry CANCELLED PENDING 0",
             "11 assign PENDING SCHEDULED 1", "12 start SCHEDULED RUNNING 1", "15 report RUNNING SUCCESS 1",
             journal=("12.1 start 1", "14 end 1"), calls=["1 cancel ok t - OK"]),
    ),
    "it waits for its time": (life(SUBMIT, due_at="2100-01-01T00:00:00.000Z"),),
    "it waits for an agent that fits": (life(SUBMIT, waiting='{"why":"no agent has gpu=yes"}'),),
    "it runs for long": (life(SUBMIT, *RUN, journal=ONCE[:1], agent="agent-1", boot="b1"),),
    "two leaders, one after the other": (
        life(SUBMIT, "1 assign PENDING SCHEDULED 1 epoch=1", RUN[1], DONE, journal=ONCE),
        life("20 submit - PENDING 0", "21 assign PENDING SCHEDULED 1 epoch=2 boot=b2", "22 start SCHEDULED RUNNING 1",
             "25 report RUNNING SUCCESS 1", task_id="u", journal=("22.1 start 1", "24 end 1")),
    ),
    "an answer was lost, and asked for again": (
        life(SUBMIT, *RUN, DONE, journal=ONCE, request_id="r",
             calls=["0 submit unknown - r", "1 submit fail - r", "2 submit ok t r SAME"]),
    ),
    "a task whose retention is over": (life(gone=True, calls=["-700000 submit ok t r OK"]),),
}  # fmt: skip

BAD: dict[str, tuple[Life, ...]] = {
    "I1 t: a client was told that it is stored, and it is not there": (life(gone=True, calls=["1 submit ok t r OK"]),),
    "I2 t: SCHEDULED for 999 s: agent-1 has not begun": (life(SUBMIT, RUN[0], agent="agent-1", boot="b1"),),
    "I2 t: RUNNING for 998 s: boot b0 of agent-1 holds no lease": (life(SUBMIT, *RUN, agent="agent-1", boot="b0"),),
    "I2 t: PENDING for 1000 s: 4 slots are free": (life(SUBMIT),),
    "I3 t: it jumps from PENDING to RUNNING": (life(SUBMIT, "3 report RUNNING FAILED 0"),),
    "I3 t: report took it from PENDING to FAILED": (life(SUBMIT, "3 report PENDING FAILED 0"),),
    "I3 t: it ends at FAILED, attempt 1; the hash says SUCCESS, attempt 1": (
        life(SUBMIT, *RUN, "5 report RUNNING FAILED 1", journal=ONCE, status=Status.SUCCESS),
    ),
    "I4 t: report after SUCCESS": (life(SUBMIT, *RUN, DONE, "6 report SUCCESS FAILED 1", journal=ONCE),),
    "I5 t: assign is told of attempt 1 after attempt 1": (
        life(SUBMIT, *RUN, LOST, RUN[0].replace("1", "7", 1), RUN[1].replace("2", "8", 1), "9 report RUNNING FAILED 1"),
    ),
    "I6 t: attempt 1 was started 2 times": (life(SUBMIT, *RUN, DONE, journal=("2.1 start 1", *ONCE)),),
    "I7 t: attempt 2 overlaps another": (
        life(SUBMIT, *RUN, LOST, *AGAIN, DONE_AGAIN, journal=(*TWICE, "14 overlap 2")),
    ),
    "I7 t: attempt 1 was at work after attempt 2 was": (
        life(SUBMIT, *RUN, LOST, *AGAIN, DONE_AGAIN, journal=("2.1 start 1", "12.1 start 2", "13 end 1", "14 end 2")),
    ),
    "I8 t: attempt 2 was started without a grant": (life(SUBMIT, *RUN, DONE, journal=(*ONCE, "6 start 2")),),
    "I8 t: attempt 1 was started 0.50 s before its grant": (
        life(SUBMIT, *RUN, DONE, journal=("1.5 start 1", "4 end 1")),
    ),
    "I8 t: attempt 1 was started 2.00 s after the task's end": (
        life(SUBMIT, *RUN, DONE, journal=("7 start 1", "8 end 1")),
    ),
    "I9 t: it is at attempt 2, and the success was that of attempt 1": (
        life(SUBMIT, *RUN, DONE, journal=TWICE, attempt=2),
    ),
    "I9 t: attempt 1 counts as a success, and never came to its end": (life(SUBMIT, *RUN, DONE, journal=ONCE[:1]),),
    "I10 t: 1 failures were tried again, and it has 0 retries": (
        life(SUBMIT, *RUN, FAILED, *AGAIN, DONE_AGAIN, journal=TWICE),
    ),
    "I10 t: 3 agents were lost with it": (
        life(SUBMIT, *RUN, LOST, *AGAIN, LOST.replace("PENDING 1", "PENDING 2"),
             "21 assign PENDING SCHEDULED 3", "22 start SCHEDULED RUNNING 3", LOST.replace("PENDING 1", "PENDING 3")),
    ),
    "I11 u: requestId 'r' is this task, and t too": (
        life(SUBMIT, *RUN, DONE, journal=ONCE, request_id="r"),
        life(SUBMIT, *RUN, DONE, journal=ONCE, request_id="r", task_id="u"),
    ),
    "I11 t: a client got it for requestId 'other', and its own is 'r'": (
        life(SUBMIT, *RUN, DONE, journal=ONCE, request_id="r", calls=["1 submit ok t other OK"]),
    ),
    "I11 t: its client was told each time that nothing was done, and it is there": (
        life(SUBMIT, *RUN, DONE, journal=ONCE, request_id="r", calls=["1 submit fail - r"]),
    ),
    "I12 t: epoch 4 acts after epoch 5": (
        life(SUBMIT, "1 assign PENDING SCHEDULED 1 epoch=5", RUN[1], LOST,
             "11 assign PENDING SCHEDULED 2 epoch=4", AGAIN[1], DONE_AGAIN, journal=TWICE),
    ),
    "I12 t: epoch 3 acts after epoch 5": (
        life(SUBMIT, "1 assign PENDING SCHEDULED 1 epoch=5", RUN[1], f"{LOST} epoch=3",
             *AGAIN, DONE_AGAIN, journal=TWICE),
    ),
    "I12: epoch 4 acted 20.000 s after epoch 5 had": (
        life(SUBMIT, "1 assign PENDING SCHEDULED 1 epoch=5", RUN[1], DONE, journal=ONCE),
        life(SUBMIT, "21 assign PENDING SCHEDULED 1 epoch=4", task_id="u"),
    ),
    "I13: boot b1 of agent-1 got a task 9.000 s after boot b2 of agent-1 had": (
        life(SUBMIT, *RUN, DONE, journal=ONCE),
        life(SUBMIT, "2 assign PENDING SCHEDULED 1 boot=b2", task_id="u"),
        life(SUBMIT, "11 assign PENDING SCHEDULED 1", task_id="v"),
    ),
    "I13: agent-1 ran 2 tasks at once in 1 slots": (
        life(SUBMIT, *RUN, DONE, journal=ONCE),
        life(SUBMIT, *RUN, DONE, journal=ONCE, task_id="u"),
    ),
    "I14 t: attempt 1 was started 1.10 s after it was CANCELLED": (
        life(SUBMIT, RUN[0], "1 cancel SCHEDULED CANCELLED 1", journal=ONCE),
    ),
    "I14 t: attempt 1 was started 0.60 s after it was CANCELLED": (
        life(SUBMIT, *RUN, DONE, journal=ONCE, calls=["1.5 cancel ok t - OK"]),
    ),
    "I14 t: it ran on for 37.0 s after it was to be cancelled": (
        life(SUBMIT, *RUN, "3 cancel RUNNING RUNNING 1", "40 report RUNNING SUCCESS 1", journal=ONCE),
    ),
    "I14 t: it ran on for 997.0 s after it was to be cancelled": (
        life(SUBMIT, *RUN, "3 cancel RUNNING RUNNING 1", agent="agent-1", boot="b1"),
    ),
}  # fmt: skip

LEFT = {
    "I15: 1 processes of tasks are left\n    pid 7": Remains(processes=["pid 7"]),
    "I15: 1 places lie\n    t: PENDING, and in no queue": Remains(places=["t: PENDING, and in no queue"]),
    "I15: on 1 topics something waits\n    queue:status: 2": Remains(waiting={"queue:status": 2, "queue:logs": 0}),
    "I15: 1 nodes are of nobody who lives\n    /live-agents/x": Remains(nodes=["/live-agents/x"]),
    "I15: 9 bytes of ends are on agents' disks, and not stored": Remains(spooled=9),
}


@pytest.mark.parametrize("name", GOOD)
def test_nothing_is_said_of_what_is_sound(name: str) -> None:
    assert told(*GOOD[name], agents=IDLE, left=CLEAN) == []


@pytest.mark.parametrize("expected", BAD)
def test_a_breach_is_told(expected: str) -> None:
    assert expected in "\n".join(told(*BAD[expected], agents=IDLE))


@pytest.mark.parametrize("expected", LEFT)
def test_what_is_left_over_is_told(expected: str) -> None:
    assert told(left=LEFT[expected]) == [expected]


def test_there_is_a_bad_history_for_each_invariant() -> None:
    shown = {expected.split()[0].rstrip(":") for expected in (*BAD, *LEFT)}
    assert shown == {invariant.name for invariant in INVARIANTS}


def test_a_breach_shows_the_lines_that_prove_it() -> None:
    (double,) = told(life(SUBMIT, *RUN, DONE, journal=("2.1 start 1", *ONCE)))
    head, *evidence = double.splitlines()
    assert head == "I6 t: attempt 1 was started 2 times"
    assert [line.split()[:4] for line in evidence] == [["journal:", "start", "t", "1"]] * 2


def test_what_can_not_be_checked_says_which_record_is_missing() -> None:
    from common.doctor.history.checker import Checker, Terms

    said = {one.invariant.name: (one.checked, one.unchecked) for one in Checker(Terms(0.0)).finish()}
    assert said["I1"] == (False, "--client-log")
    assert said["I6"] == said["I7"] == said["I8"] == (False, "--journal")
    assert said["I9"] == (True, "--journal")
    assert said["I15"] == (False, "a system at rest")
    assert said["I3"] == (True, "")
    whole = {one.invariant.name: (one.checked, one.unchecked) for one in outcomes(left=CLEAN, **_with_log())}
    assert set(whole.values()) == {(True, "")}


def _with_log() -> dict[str, Any]:
    return {"now": DAWN}


def test_where_there_is_no_gate_what_was_given_may_start() -> None:
    ungated = life(SUBMIT, RUN[0], "4 start SCHEDULED RUNNING 1", DONE, journal=("2 start 1", "4 end 1"))
    assert told(ungated, gate=False) == []
    assert told(ungated, gate=True)[0].startswith("I8 t: attempt 1 was started 2.00 s before its grant")
    assert told(life(SUBMIT, *RUN, DONE, journal=(*ONCE, "6 start 2")), gate=False) != []


def test_what_was_broken_on_purpose_begins_each_wait_anew() -> None:
    late = life(SUBMIT, *RUN, "3 cancel RUNNING RUNNING 1", "40 report RUNNING CANCELLED 1", journal=ONCE[:1])
    assert told(late) != []
    assert told(late, quiet=Quiet([(DAWN + 5, DAWN + 15)])) == []
    assert told(late, quiet=Quiet([(DAWN + 200, DAWN + 900)])) != []
    still = life(SUBMIT)
    assert told(still, agents=IDLE, quiet=Quiet([(DAWN + 10, DAWN + 990)])) == []


def test_a_retry_gives_budgets_anew() -> None:
    ended, retried = "16 report RUNNING FAILED 2", "20 retry FAILED PENDING 2"
    third = ("21 assign PENDING SCHEDULED 3", "22 start SCHEDULED RUNNING 3")
    again = (FAILED.replace("PENDING 1", "PENDING 3").replace("6", "26", 1), "30 assign PENDING SCHEDULED 4")
    steps = (SUBMIT, *RUN, FAILED, *AGAIN, ended, retried, *third, *again)
    assert told(life(*steps, "31 cancel SCHEDULED CANCELLED 4", retries=1)) == []


def test_what_came_after_the_other_records_were_read_is_not_held_against_them() -> None:
    """The store is read last: by then a task may have ended of whose end the journal did not know yet."""
    young = life(SUBMIT, *RUN, DONE, journal=ONCE[:1])
    assert told(young, now=DAWN + 4.5) == []
    asked = life(SUBMIT, *RUN, DONE, journal=ONCE, request_id="r", calls=["-1 submit fail - r"])
    assert told(asked, now=DAWN - 0.5) == []
