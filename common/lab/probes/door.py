"""Questions about the door of a stage: who answers calls, and what was answered to what a scenario has asked."""

from collections import Counter
from typing import Any

from common.lab.picture import Picture
from common.lab.probe import Probe
from common.rpc.providers import TASK_MANAGER, group_of


def provided(count: int) -> Probe:
    """So many managers are registered as ones who answer calls."""

    def see(picture: Picture) -> int:
        return len(picture.registry.managers) if picture.registry else 0

    return Probe(see, count, lambda names: names.members(group_of(TASK_MANAGER)))


def answered(name: str, *statuses: int | str, times: int = 1) -> Probe:
    """What was asked under that name was answered so often, each time in one of these ways."""

    def see(picture: Picture) -> dict[str, int]:
        found = Counter(one.status for one in picture.names.answers.to(name))
        well = sum(found.pop(status, 0) for status in statuses)
        return {wanted: well, **{str(other): count for other, count in found.items()}}

    wanted = " or ".join(map(str, statuses))
    return Probe(see, {wanted: times}, lambda names: names.answers.asked(name), local=True)


def told(name: str, **expected: Any) -> Probe:
    """The last answer has these values in its JSON."""

    def see(picture: Picture) -> dict[str, Any]:
        answers = picture.names.answers.to(name)
        body = answers[-1].body if answers else {}
        return {one: body.get(one) for one in expected}

    return Probe(see, expected, lambda names: names.answers.asked(name), local=True)


def one_task(name: str) -> Probe:
    """All answers name one and the same task."""

    def see(picture: Picture) -> int:
        return len({one.body.get("taskId") for one in picture.names.answers.to(name)})

    return Probe(see, 1, lambda names: names.answers.asked(name), local=True)


def listed(name: str, count: int) -> Probe:
    """So many tasks stand in the last answer."""

    def see(picture: Picture) -> int:
        answers = picture.names.answers.to(name)
        return len(answers[-1].body.get("tasks", ())) if answers else -1

    return Probe(see, count, lambda names: names.answers.asked(name), local=True)
