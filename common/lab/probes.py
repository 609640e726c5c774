"""Questions to a running system: each knows what to see, what should be seen, and what a person would type.

A scenario's claims are built of these, so that "expected", "got" and the command come with every claim.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from common.lab.names import STATUS_TOPIC, Names
from common.lab.observer import HEAD
from common.lab.picture import Picture, SeenTask, parsed
from common.store.keys import Keys

FEW = 5
"""Tasks of which each may have a command of its own, where a person is shown how to look."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question. It holds where what is seen equals what is expected."""

    see: Callable[[Picture], Any]
    expect: Any
    ask: Callable[[Names], str]
    """The command that shows the same to a person."""
    local: bool = False
    """Whether it can be answered while Redis is away."""

    def seen(self, picture: Picture) -> Any:
        """What is there; where that can't be told, the reason as text, which equals nothing expected."""
        if picture.away and not self.local:
            return picture.away
        return self.see(picture)


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


def lease(agent: str, *, held: bool) -> Probe:
    """The agent's lease is held by somebody, or by nobody."""
    return Probe(
        lambda picture: bool(agent in picture.leases and picture.leases[agent].fields),
        held,
        lambda names: names.redis_cli("EXISTS", names.keys.agent(agent)),
    )


def member(name: str, state: str) -> Probe:
    """The process of the cluster is running, frozen, stopped or dead."""

    def see(picture: Picture) -> str:
        found = picture.member(name)
        return found.state if found else "unknown"

    return Probe(see, state, lambda _: "dts ps", local=True)


def process(task: str, attempt: int, *, lives: bool) -> Probe:
    """That attempt of the task has a live process, or none."""
    return Probe(
        lambda picture: bool(picture.processes_of(task, attempt)),
        lives,
        lambda names: f"ps axeww | grep '[T]ASK_ID={names.id(task)}' | grep TASK_ATTEMPT={attempt}",
        local=True,
    )


def registered(role: str, count: int) -> Probe:
    """So many of that role, agent or scheduler, are registered."""

    def see(picture: Picture) -> int:
        known = picture.registry
        return len(known.agents if role == "agent" else known.schedulers) if known else 0

    return Probe(see, count, lambda names: names.members(f"live-{role}s"))


def led(*, by: str = "") -> Probe:
    """One of the registered schedulers leads; where `by` names a state of its process, a process in that state."""

    def see(picture: Picture) -> bool:
        known = picture.registry
        if not (known and known.leader in known.schedulers):
            return False
        leader = picture.member(known.leader)
        return not by or leader is None or leader.state == by

    return Probe(see, True, lambda names: names.leader("scheduler"))


def given_to(count: int, *tasks: str, each: int = 0) -> Probe:
    """So many agents share these tasks; where `each` is given, that many went to each of them."""

    def see(picture: Picture) -> list[int]:
        shares = Counter(picture.task(task).fields.get("agent", "") for task in tasks)
        del shares[""]
        return sorted(shares.values()) if each else [1] * len(shares)

    def ask(names: Names) -> str:
        return " ; ".join(names.redis_cli("HGET", names.task(task), "agent") for task in tasks)

    return Probe(see, [each or 1] * count, ask)


def all_ended(status: str, *tasks: str) -> Probe:
    """All these tasks have come to that status."""
    return Probe(
        lambda picture: sum(picture.task(task).status == status for task in tasks),
        len(tasks),
        lambda names: _each(names, tasks, "status"),
    )


def _each(names: Names, tasks: Sequence[str], field: str) -> str:
    """The command that shows this field of each; of many, how often it has which text."""
    if len(tasks) <= FEW:
        return " ; ".join(names.redis_cli("HGET", names.task(task), field) for task in tasks)
    ids = " ".join(names.id(task) for task in tasks)
    one = names.redis_cli("HGET", "KEY", field).replace("KEY", f'"{names.keys.task_prefix}$id"')
    return f"for id in {ids}; do {one}; done | sort | uniq -c"


def explained(task: str) -> Probe:
    """Why the task went to its agent stands in its history."""

    def see(picture: Picture) -> bool:
        return any(entry.get("verb") == "assign" and entry.get("why") for entry in picture.task(task).history)

    return Probe(see, True, lambda names: f"dts get {names.id(task)} --explain")


def moved(task: str) -> Probe:
    """Its first two attempts were given to two agents."""

    def see(picture: Picture) -> bool:
        first, second = picture.task(task).agent_of(1), picture.task(task).agent_of(2)
        return bool(first and second and first != second)

    return Probe(see, True, lambda names: names.redis_cli("LRANGE", names.history(task), 0, -1))


def unregistered(task: str) -> Probe:
    """The agent of the task's first attempt is not registered."""

    def see(picture: Picture) -> bool:
        agent = picture.task(task).agent_of(1)
        return bool(agent and picture.registry and agent not in picture.registry.agents)

    return Probe(see, True, lambda names: names.members("live-agents"))


def state_of_agent(task: str, state: str) -> Probe:
    """The agent of the task's first attempt is running, frozen, stopped or dead."""

    def see(picture: Picture) -> str:
        found = picture.member(picture.task(task).agent_of(1))
        return found.state if found else "unknown"

    return Probe(see, state, lambda _: "dts ps")


def later_term(before: str, after: str) -> Probe:
    """The second task was given out in a later term than the first one."""

    def see(picture: Picture) -> bool:
        former, newer = picture.task(before).epochs, picture.task(after).epochs
        return bool(former and newer and newer[-1] > former[-1])

    return Probe(
        see,
        True,
        lambda names: " ; ".join(names.redis_cli("LRANGE", names.history(task), 0, -1) for task in (before, after)),
    )


def terms_in_order() -> Probe:
    """In the order of time nobody gave a task out in an older term than another before."""

    def see(picture: Picture) -> bool:
        entries = [entry for task in picture.tasks.values() for entry in task.history if entry.get("epoch")]
        epochs = [int(entry["epoch"]) for entry in sorted(entries, key=lambda entry: str(entry.get("at", "")))]
        return epochs == sorted(epochs)

    return Probe(see, True, lambda names: names.redis_cli("GET", names.keys.epoch))


def written_by(task: str, verb: str, author: str) -> Probe:
    """Whoever did this to the task has a name that begins so."""

    def see(picture: Picture) -> bool:
        authors = [str(entry.get("by", "")) for entry in picture.task(task).history if entry.get("verb") == verb]
        return bool(authors) and all(name.startswith(author) for name in authors)

    return Probe(see, True, lambda names: names.redis_cli("LRANGE", names.history(task), 0, -1))


def beating(count: int) -> Probe:
    """So many agents were heard lately."""
    return Probe(lambda picture: len(picture.beats), count, lambda names: names.heartbeats())


def busy(task: str) -> Probe:
    """The heartbeats of the task's agent say that tasks of its own keep the machine busy, more than those of others."""

    def see(picture: Picture) -> bool:
        own = {agent: beat.own for agent, beat in picture.beats.items()}
        mine = own.pop(picture.task(task).fields.get("agent", ""), 0.0)
        return mine > 0.2 and all(mine > 2 * other for other in own.values())

    return Probe(see, True, lambda names: names.heartbeats())


def avoided(task: str, *others: str) -> Probe:
    """None of the others was given to the agent of that task."""

    def see(picture: Picture) -> int:
        agent = picture.task(task).agent_of(1)
        return sum(picture.task(other).agent_of(1) not in ("", agent) for other in others)

    return Probe(see, len(others), lambda names: f"dts get {names.id(others[0])} --explain")


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


def ran_once(*tasks: str) -> Probe:
    """Each of these began once and ended once, and nothing was done to it afterwards."""

    def see(picture: Picture) -> int:
        done = (picture.task(task).verbs for task in tasks)
        return sum(verbs.count("start") == 1 and verbs.count("report") == 1 and verbs[-1] == "report" for verbs in done)

    return Probe(see, len(tasks), lambda names: names.redis_cli("LRANGE", names.history(tasks[0]), 0, -1))


def sound(*tasks: str) -> Probe:
    """Each of these has ended, once, and no two attempts of it were under way at once."""

    def see(picture: Picture) -> list[str]:
        return [name for name in tasks if not _sound(picture.task(name))]

    return Probe(see, [], lambda names: names.redis_cli("LRANGE", names.history(tasks[0]), 0, -1))


def _sound(task: SeenTask) -> bool:
    under_way: int | None = None
    for entry in task.history:
        verb, attempt = entry.get("verb"), entry.get("attempt")
        if verb == "start" and under_way is not None:
            return False
        if verb in ("report", "requeue") and under_way not in (None, attempt):
            return False
        under_way = attempt if verb == "start" else None if verb in ("report", "requeue") else under_way
    final = [status for status in task.trail if status in ("SUCCESS", "FAILED", "CANCELLED")]
    return len(final) == 1 and task.trail[-1] == final[0]


def somebody_says(role: str, text: str) -> Probe:
    """A member of that role logged a line with this text."""

    def see(picture: Picture) -> bool:
        said = [picture.said.get(member.name, ()) for member in picture.members if member.role == role]
        return any(text in line for lines in said for line in lines)

    return Probe(see, True, lambda names: f"grep '{text}' {names.home}/cluster.run/{role}-*.log", local=True)


def traced(task: str, *roles: str) -> Probe:
    """The logs of members of all these roles name the task."""

    def see(picture: Picture) -> list[str]:
        wanted = picture.names.id(task)
        named = {
            member.role
            for member in picture.members
            if any(wanted in line for line in picture.said.get(member.name, ()))
        }
        return sorted(named.intersection(roles))

    return Probe(see, sorted(roles), lambda names: f"dts trace {names.id(task)}", local=True)


def says(agent: str, text: str) -> Probe:
    """The agent logged a line with this text."""
    return Probe(
        lambda picture: any(text in line for line in picture.said.get(agent, ())),
        True,
        lambda names: f"grep '{text}' {names.home}/cluster.run/{agent}.log",
        local=True,
    )


def _waiting(picture: Picture, queue: str, topic: str) -> int:
    return sum(one.waiting for one in picture.traffic if one.name == queue or one.name.endswith(topic))


def _dead_key(keys: Keys) -> str:
    return keys.dead_letters(keys.tasks_queue)


def _dead_letters(picture: Picture) -> Sequence[str]:
    return picture.queues[_dead_key(picture.names.keys)].head
