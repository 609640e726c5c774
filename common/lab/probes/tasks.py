"""Questions about tasks: what stands in their hashes and histories, and what they printed."""

import json
from collections.abc import Sequence

from common.doctor.history.records import Entry, Life
from common.doctor.history.steps import steps
from common.lab.names import Names
from common.lab.picture import Picture, SeenTask
from common.lab.probe import Probe

FEW = 5
"""Tasks of which each may have a command of its own, where a person is shown how to look."""


def fields(task: str, **expected: str) -> Probe:
    """These fields of the task's hash have these texts."""
    return Probe(
        lambda picture: {name: picture.task(task).fields.get(name, "") for name in expected},
        expected,
        lambda names: names.redis_cli("HMGET", names.task(task), *expected),
    )


def trail(task: str, *statuses: str, outrun: str = "") -> Probe:
    """The task went through these statuses and no others, but for `outrun`: the next may be written before it."""
    return Probe(
        lambda picture: [status for status in picture.task(task).trail if status != outrun],
        list(statuses),
        lambda names: names.redis_cli("LRANGE", names.history(task), 0, -1),
    )


def verbs(task: str, *expected: str) -> Probe:
    """These things were done to the task, in this order, and nothing else."""
    return Probe(
        lambda picture: picture.task(task).verbs,
        list(expected),
        lambda names: names.redis_cli("LRANGE", names.history(task), 0, -1),
    )


def signed(task: str) -> Probe:
    """Each change of the task tells when it was and who made it."""
    return Probe(
        lambda picture: all(entry.get("at") and entry.get("by") for entry in picture.task(task).history),
        True,
        lambda names: names.redis_cli("LRANGE", names.history(task), 0, -1),
    )


def output(task: str, attempt: int, expected: str) -> Probe:
    """What that attempt, the task's latest, has printed ends so."""
    return Probe(
        lambda picture: picture.task(task).log,
        expected,
        lambda names: names.redis_cli("GET", names.keys.log(names.id(task), attempt)),
    )


def same(field: str, *tasks: str) -> Probe:
    """All these tasks have the same text in that field."""
    return Probe(
        lambda picture: len({picture.task(task).fields.get(field, "") for task in tasks}),
        1,
        lambda names: " ; ".join(names.redis_cli("HGET", names.task(task), field) for task in tasks),
    )


def all_ended(status: str, *tasks: str) -> Probe:
    """All these tasks have come to that status."""
    return Probe(
        lambda picture: sum(picture.task(task).status == status for task in tasks),
        len(tasks),
        lambda names: _each(names, tasks, "status"),
    )


def explained(task: str) -> Probe:
    """Why the task went to its agent stands in its history."""

    def see(picture: Picture) -> bool:
        return any(entry.get("verb") == "assign" and entry.get("why") for entry in picture.task(task).history)

    return Probe(see, True, lambda names: f"dts get {names.id(task)} --explain")


def written_by(task: str, verb: str, author: str) -> Probe:
    """Whoever did this to the task has a name that begins so."""

    def see(picture: Picture) -> bool:
        authors = [str(entry.get("by", "")) for entry in picture.task(task).history if entry.get("verb") == verb]
        return bool(authors) and all(name.startswith(author) for name in authors)

    return Probe(see, True, lambda names: names.redis_cli("LRANGE", names.history(task), 0, -1))


def ran_once(*tasks: str) -> Probe:
    """Each of these began once and ended once, and nothing was done to it afterwards."""

    def see(picture: Picture) -> int:
        done = (picture.task(task).verbs for task in tasks)
        return sum(verbs.count("start") == 1 and verbs.count("report") == 1 and verbs[-1] == "report" for verbs in done)

    return Probe(see, len(tasks), lambda names: names.redis_cli("LRANGE", names.history(tasks[0]), 0, -1))


def sound(*tasks: str) -> Probe:
    """Each of these has ended, and its history goes by the table of steps, in which no two attempts overlap."""

    def see(picture: Picture) -> list[str]:
        return [name for name in tasks if not _sound(picture.task(name))]

    return Probe(
        see, [], lambda names: f"dts doctor --history ; {names.redis_cli('LRANGE', names.history(tasks[0]), 0, -1)}"
    )


def _each(names: Names, tasks: Sequence[str], field: str) -> str:
    """The command that shows this field of each; of many, how often it has which text."""
    if len(tasks) <= FEW:
        return " ; ".join(names.redis_cli("HGET", names.task(task), field) for task in tasks)
    ids = " ".join(names.id(task) for task in tasks)
    one = names.redis_cli("HGET", "KEY", field).replace("KEY", f'"{names.keys.task_prefix}$id"')
    return f"for id in {ids}; do {one}; done | sort | uniq -c"


def _sound(task: SeenTask) -> bool:
    entries = [Entry.parse(json.dumps(entry)) for entry in task.history]
    return bool(entries) and entries[-1].after.final and not list(steps(Life(task.id, None, entries)))
