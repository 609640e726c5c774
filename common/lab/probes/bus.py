"""Questions about what is on its way: queues, heartbeats, and what nobody could read."""

import json
from collections.abc import Callable, Sequence

from common.lab.names import STATUS_TOPIC
from common.lab.observer import HEAD
from common.lab.picture import Picture, parsed
from common.lab.probe import Probe
from common.store.keys import Keys


def length(queue: Callable[[Keys], str], expected: int) -> Probe:
    """So many elements wait in the list."""
    return Probe(
        lambda picture: picture.queues[queue(picture.names.keys)].length,
        expected,
        lambda names: names.redis_cli("LLEN", queue(names.keys)),
    )


def dead_letter(task: str, reason: str) -> Probe:
    """A message about that task lies among the dead letters, for this reason."""

    def see(picture: Picture) -> str:
        marker = json.dumps(picture.names.id(task))
        for letter in map(parsed, _dead_letters(picture)):
            if marker in str(letter.get("body", "")):
                given = str(letter.get("reason", ""))
                return reason if reason in given else given
        return ""

    return Probe(see, reason, lambda names: names.redis_cli("LRANGE", _dead_key(names.keys), 0, HEAD - 1))


def beating(count: int) -> Probe:
    """So many agents were heard lately."""
    return Probe(lambda picture: len(picture.beats), count, lambda names: names.heartbeats())


def busy(task: str) -> Probe:
    """The heartbeats of the task's agent say that tasks of its own keep the machine busy, more than those of others.

    In three heartbeats: by the last one the leader, which looks for itself, has seen one of them. So this probe
    remembers, by boot, since which heartbeat it is so.
    """
    first: dict[str, int] = {}

    def see(picture: Picture) -> bool:
        known = dict(picture.beats)
        mine = known.pop(picture.task(task).fields.get("agent", ""), None)
        if mine is None or not known or any(mine.busy <= other.busy for other in known.values()):
            first.clear()
            return False
        return mine.number >= first.setdefault(mine.boot, mine.number) + 2

    return Probe(see, True, lambda names: names.heartbeats())


def waits_for_managers(count: int) -> Probe:
    """At least so many messages of agents wait for a manager; 0: none does."""

    def see(picture: Picture) -> int:
        waiting = _waiting(picture, picture.names.keys.status_queue, STATUS_TOPIC)
        return min(waiting, count) if count else waiting

    return Probe(see, count, lambda names: names.waiting_for_managers())


def unread_by_managers(count: int) -> Probe:
    """So many messages that no manager could read are kept."""

    def see(picture: Picture) -> int:
        keys = picture.names.keys
        return _waiting(picture, keys.dead_letters(keys.status_queue), f"{STATUS_TOPIC}.dlq")

    return Probe(see, count, lambda names: names.bus_dead())


def refused(*answers: str) -> Probe:
    """Managers refused updates, and gave these answers among others."""
    return Probe(
        lambda picture: sorted(answer for answer in answers if picture.refused.get(answer)),
        sorted(answers),
        lambda names: names.redis_cli("HGETALL", names.keys.refused),
    )


def _waiting(picture: Picture, queue: str, topic: str) -> int:
    return sum(one.waiting for one in picture.traffic if one.name == queue or one.name.endswith(topic))


def _dead_key(keys: Keys) -> str:
    return keys.dead_letters(keys.tasks_queue)


def _dead_letters(picture: Picture) -> Sequence[str]:
    return picture.queues[_dead_key(picture.names.keys)].head
