"""Which tasks meet a query: the indexes walked from a place on, in order, a bounded number of tasks at a time."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis import Redis

from common.domain.errors import InvalidTask
from common.domain.query import Query
from common.domain.status import UNDER_WAY
from common.domain.task import Task
from common.store.keys import Keys
from common.transports.redis_client import redis_errors

LOOK = 2000
"""Tasks that are looked at for one page, where a query asks for more than statuses."""
AT_ONCE = 200
"""Of these in one round trip."""


class Traits(NamedTuple):
    """What of a task a query may ask for."""

    status: str
    type: str
    name: str
    agent: str
    tags: Mapping[str, str]


_FIELDS = ("status", "type", "name", "agent", "tags")


class Place(NamedTuple):
    """A place in the order of tasks: a time in ms, and of several with that time their ids."""

    score: float
    task_id: str

    def __str__(self) -> str:
        return f"{self.score:.0f}:{self.task_id}"


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of tasks that meet a query, and from where to go on ('' where these were the last)."""

    task_ids: list[str]
    next_cursor: str


class Finder:
    """Looks for tasks on one Redis. Safe to share between threads; raises Unavailable.

    The order is that of the indexes: of all tasks by when they were made, of a status by when they got there, of what
    agents hold by when it was given to them.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys

    def find(self, query: Query, limit: int, cursor: str = "") -> Found:
        """Up to `limit`, from `cursor` on. Raises InvalidTask where that is none of ours.

        A page may hold less than `limit`, or none, and still have a next one: then LOOK tasks were looked at.
        """
        place, found = _place_of(cursor) if cursor else None, list[Place]()
        picky = bool(query.types or query.name or query.agents or query.tags)
        looked, looks = 0, LOOK if picky else limit + 1
        while looked < looks:
            size = min(AT_ONCE, looks - looked) if picky else limit + 1
            part = self._walk(query, place, size)
            found += self._meeting(query, part) if picky else part
            if len(found) > limit:
                return Found(_ids(found[:limit]), str(found[limit - 1]))
            if len(part) < size:
                return Found(_ids(found), "")
            looked, place = looked + len(part), part[-1]
        return Found(_ids(found), str(place))

    def _walk(self, query: Query, place: Place | None, count: int) -> list[Place]:
        """The next `count` members of the query's indexes after a place; less only where there are no more."""
        sources = self._sources(query)
        # Many may have the place's time. Each look is a whole one from there on: in parts, a member that leaves
        # between two of them would hide another.
        size = count + bool(place)
        while True:
            slices = self._slices(sources, place, size, rising=query.oldest_first)
            found = sorted(
                {at for part in slices for at in part if not place or _after(at, place, rising=query.oldest_first)},
                reverse=not query.oldest_first,
            )
            cut = [part for part in slices if len(part) == size]
            if not cut:
                return found[:count]
            # Beyond the end of a slice that is cut there may be others of that source.
            ends = [part[-1] for part in cut]
            end = min(ends) if query.oldest_first else max(ends)
            sure = [at for at in found if at == end or not _after(at, end, rising=query.oldest_first)]
            if len(sure) >= count:
                return sure[:count]
            size *= 2

    def _sources(self, query: Query) -> list[str]:
        keys = self._keys
        if query.agents and query.statuses and set(query.statuses) <= UNDER_WAY:
            # A few, where the index of a status may name a million.
            return [keys.held_tasks(agent) for agent in dict.fromkeys(query.agents)]
        return [keys.index(status) for status in dict.fromkeys(query.statuses)] or [keys.all]

    def _slices(self, sources: Sequence[str], place: Place | None, size: int, *, rising: bool) -> list[list[Place]]:
        """Of each source up to `size` members from the place's time on, all at one moment."""
        first, last = ("-inf", "+inf") if rising else ("+inf", "-inf")
        first = f"{place.score:.0f}" if place else first
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            for source in sources:
                pipe.zrange(source, first, last, desc=not rising, byscore=True, withscores=True, offset=0, num=size)
            return [[Place(float(score), str(name)) for name, score in part] for part in pipe.execute()]

    def _meeting(self, query: Query, places: Sequence[Place]) -> list[Place]:
        """Those whose tasks meet the query, so far as can be told without reading what they are to run."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for place in places:
                pipe.hmget(self._keys.task(place.task_id), *_FIELDS)
            answers = pipe.execute(raise_on_error=False)
        return [place for place, answer in zip(places, answers, strict=True) if _meets(query, _traits_in_hash(answer))]


def meets(query: Query, task: Task) -> bool:
    """Whether the task is one of those that are asked for."""
    return _meets(query, Traits(task.status, task.spec.type, task.spec.name, task.agent, task.spec.tags))


def _meets(query: Query, traits: Traits | None) -> bool:
    return (
        traits is not None
        and (not query.statuses or traits.status in query.statuses)
        and (not query.types or traits.type in query.types)
        and traits.name.startswith(query.name)
        and (not query.agents or traits.agent in query.agents)
        and query.tags.items() <= traits.tags.items()
    )


def _traits_in_hash(answer: Any) -> Traits | None:
    """None where the task is gone, or its key holds something else."""
    if not isinstance(answer, list) or answer[0] is None:
        return None
    status, type_, name, agent, tags = (value or "" for value in answer)
    try:
        return Traits(status, type_, name, agent, dict(json.loads(tags)) if tags else {})
    except (ValueError, TypeError):
        return Traits(status, type_, name, agent, {})


def _after(at: Place, place: Place, *, rising: bool) -> bool:
    return at > place if rising else at < place


def _place_of(cursor: str) -> Place:
    score, _, task_id = cursor.partition(":")
    if not (score.isascii() and score.isdigit() and task_id):
        raise InvalidTask(f"not a cursor: {cursor!r}")
    return Place(float(score), task_id)


def _ids(places: Iterable[Place]) -> list[str]:
    return list(dict.fromkeys(place.task_id for place in places))
