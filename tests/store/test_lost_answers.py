"""A verb whose answer was lost may simply be asked again: it happens once, and the asker learns that it did."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.domain.errors import Unanswered
from common.domain.reports import Finished, LogChunk
from common.domain.result import Reason, failure
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.store.granting import Attempt
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.scripts import source
from common.store.tasks import TaskStore
from tests.servers import ServerAt
from tests.severing import Severing, severing
from tests.store.invariants import assert_consistent
from tests.store.lives import AGENT, BOOT, EPOCH, Life

Ask = Callable[[TaskStore, Life], Any]


def end(life: Life) -> Finished:
    task = life.task("t")
    return Finished(task, failure(Reason.EXIT_CODE, "no", exit_code=1), LogChunk(task, 0, "output"))


VERBS: dict[str, tuple[Status | None, Ask, Any]] = {
    # The verb, the state it starts from, how it is asked, and what the second asking is answered.
    "submit": (
        None,
        lambda store, life: store.submit([Submission.of(task_id="t", content="true")], "x", life.ids)[0].answer,
        Answer.SAME,
    ),
    "assign": (
        Status.PENDING,
        lambda store, _: store.assign([Assignment("t", AGENT, BOOT)], "leader", EPOCH)[0],
        (Answer.SAME, 1),
    ),
    "dispatched": (
        Status.SCHEDULED,
        lambda store, _: store.dispatched([Attempt("t", 1)], "leader", EPOCH)[0],
        Answer.SAME,
    ),
    "start": (Status.DISPATCHED, lambda store, _: store.start([Attempt("t", 1)], AGENT, BOOT)[0][0], Answer.SAME),
    "report": (Status.RUNNING, lambda store, life: store.report([end(life)], AGENT)[0], (Answer.SAME, Status.PENDING)),
    "requeue": (
        Status.RUNNING,
        lambda store, life: store.requeue([life.task("t")], "STUCK", "leader", EPOCH)[0],
        (Answer.SAME, Status.PENDING),
    ),
    "cancel": (Status.SCHEDULED, lambda store, _: store.cancel(["t"], "x")[0], Answer.SAME),
    "retry": (Status.CANCELLED, lambda store, _: store.retry(["t"], "x")[0], Answer.SAME),
    "log": (
        Status.RUNNING,
        lambda store, life: store.log([LogChunk(life.task("t"), 0, "output")], AGENT)[0],
        Answer.OK,
    ),
}


@pytest.fixture
def server(shared_servers: Callable[[str], ServerAt]) -> Iterator[ServerAt]:
    server = shared_servers("real")
    server.empty()
    yield server
    server.empty()


@pytest.fixture
def life(server: ServerAt) -> Life:
    redis = server.client()
    return Life(TaskStore(redis), Leases(redis, TaskStore(redis).keys))


@pytest.fixture
def way(server: ServerAt) -> Iterator[Severing]:
    with severing(server.port) as way:
        yield way


def lose(verb: str, server: ServerAt, way: Severing) -> None:
    # Loaded before, so that what is lost is the call and not its search for the script.
    server.client().script_load(source(verb))
    way.lose_the_answer_to(hashlib.sha1(source(verb).encode()).hexdigest().encode())


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_asked_again(verb: str, server: ServerAt, way: Severing, life: Life) -> None:
    before, ask, answer = VERBS[verb]
    store = TaskStore(way.client(repeats=0))
    if before:
        life.reach(before, task_id="t", retries=1)
    lose(verb, server, way)
    with pytest.raises(Unanswered) as told:
        ask(store, life)
    assert told.value.may_have_happened
    history = store.history("t")
    assert ask(store, life) == answer
    assert store.history("t") == history
    assert_consistent(server.client(), store.keys)


@pytest.mark.parametrize("verb", VERBS)
def test_an_ordinary_client_asks_again_by_itself(verb: str, server: ServerAt, way: Severing, life: Life) -> None:
    before, ask, answer = VERBS[verb]
    store = TaskStore(way.client())
    if before:
        life.reach(before, task_id="t", retries=1)
    lose(verb, server, way)
    assert ask(store, life) == answer
    assert way.lost == 1


def test_a_claim_whose_answer_was_lost_is_found_in_the_store(server: ServerAt, way: Severing, life: Life) -> None:
    life.submit(task_id="t")
    store = TaskStore(way.client(blocking=True))
    lose("claim", server, way)
    with pytest.raises(Unanswered):
        store.claim(AGENT, BOOT, 10)
    assert store.claim(AGENT, BOOT, 10) == []
    (granted,) = store.in_status(Status.RUNNING, 10)
    assert (granted.task_id, granted.attempt, granted.boot) == ("t", 1, BOOT)


def test_a_lease_whose_answer_was_lost_is_held(server: ServerAt, way: Severing) -> None:
    leases = Leases(way.client(repeats=0), TaskStore(server.client()).keys)
    lose("lease", server, way)
    with pytest.raises(Unanswered):
        leases.take("agent-2", "boot-2", 60, {})
    assert leases.take("agent-2", "boot-2", 60, {})
    assert not leases.take("agent-2", "boot-3", 60, {})
