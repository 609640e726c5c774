"""Do the places in which a task stands agree with its hash?"""

from collections.abc import Iterator

from common.doctor.facts import Facts
from common.doctor.rules import CANCELS, DEADLINES, EXPIRY, GHOSTS, HASHES, HOLDINGS, INDEXES, QUEUES, Finding
from common.domain.status import BEFORE_START, UNDER_WAY, Status
from common.store.keys import Keys


def misplaced(facts: Facts, keys: Keys) -> Iterator[Finding]:
    """Each way in which they don't."""
    if not facts.there:
        if facts.places:
            yield Finding(GHOSTS, facts.task_id, f"stands in {_list(facts.places)}, and there is no such task")
        return
    if facts.type != "hash":
        yield Finding(HASHES, facts.task_id, f"its key holds a {facts.type}, not a hash")
    elif facts.status is None:
        yield Finding(HASHES, facts.task_id, f"its status is {facts.fields.status!r}, which is none")
    else:
        yield from _in_indexes(facts, facts.status, keys)
        yield from _in_queues(facts, facts.status, keys)
        yield from _with_agent(facts, facts.status, keys)
        yield from _to_be_cancelled(facts, facts.status, keys)
        yield from _to_expire(facts, facts.status, keys)
    if facts.expiring:
        yield Finding(EXPIRY, facts.task_id, f"has a TTL: {_list(facts.expiring)}")


def _in_indexes(facts: Facts, status: Status, keys: Keys) -> Iterator[Finding]:
    own = {keys.index(status), keys.all}
    missing, wrong = own - facts.places, (facts.places & set(keys.indexes)) - own
    if missing:
        yield Finding(INDEXES, facts.task_id, f"{status}, and not in {_list(missing)}")
    elif wrong:
        yield Finding(INDEXES, facts.task_id, f"{status}, and in {_list(wrong)}")


def _in_queues(facts: Facts, status: Status, keys: Keys) -> Iterator[Finding]:
    queues = {keys.pending, keys.delayed} & facts.places
    if status is Status.PENDING and not queues:
        yield Finding(QUEUES, facts.task_id, "PENDING, and in no queue")
    elif status is not Status.PENDING and queues:
        yield Finding(QUEUES, facts.task_id, f"{status}, and in {_list(queues)}")
    elif len(queues) > 1:
        yield Finding(QUEUES, facts.task_id, "in both queues")


def _with_agent(facts: Facts, status: Status, keys: Keys) -> Iterator[Finding]:
    held = keys.held_tasks(facts.fields.agent)
    if (status in UNDER_WAY) != (held in facts.places):
        where = "and in" if held in facts.places else "and not in"
        yield Finding(HOLDINGS, facts.task_id, f"{status}, {where} {held}")


def _to_be_cancelled(facts: Facts, status: Status, keys: Keys) -> Iterator[Finding]:
    asked = facts.fields.cancel_requested == "1"
    if (status is Status.RUNNING and asked) != (keys.cancelling in facts.places):
        where = "and in" if keys.cancelling in facts.places else "and not in"
        word = "somebody" if asked else "nobody"
        yield Finding(CANCELS, facts.task_id, f"{status}, {word} asked to cancel it, {where} {keys.cancelling}")


def _to_expire(facts: Facts, status: Status, keys: Keys) -> Iterator[Finding]:
    awaited = status in BEFORE_START and facts.fields.expires_at and not facts.fields.started_at
    if awaited and keys.expiring not in facts.places:
        expires = f"to have started by {facts.fields.expires_at!r:.50}"
        yield Finding(DEADLINES, facts.task_id, f"{status}, {expires}, and not in {keys.expiring}")


def _list(names: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(names))
