"""Questions about where tasks went, and in whose term."""

from collections import Counter

from common.lab.names import Names
from common.lab.picture import Picture
from common.lab.probe import Probe


def given_to(count: int, *tasks: str, each: int = 0) -> Probe:
    """So many agents share these tasks; where `each` is given, that many went to each of them."""

    def see(picture: Picture) -> list[int]:
        shares = Counter(picture.task(task).fields.get("agent", "") for task in tasks)
        del shares[""]
        return sorted(shares.values()) if each else [1] * len(shares)

    def ask(names: Names) -> str:
        return " ; ".join(names.redis_cli("HGET", names.task(task), "agent") for task in tasks)

    return Probe(see, [each or 1] * count, ask)


def moved(task: str) -> Probe:
    """Its first two attempts were given to two agents."""

    def see(picture: Picture) -> bool:
        first, second = picture.task(task).agent_of(1), picture.task(task).agent_of(2)
        return bool(first and second and first != second)

    return Probe(see, True, lambda names: names.redis_cli("LRANGE", names.history(task), 0, -1))


def avoided(task: str, *others: str) -> Probe:
    """None of the others was given to the agent of that task."""

    def see(picture: Picture) -> int:
        agent = picture.task(task).agent_of(1)
        return sum(picture.task(other).agent_of(1) not in ("", agent) for other in others)

    return Probe(see, len(others), lambda names: f"dts get {names.id(others[0])} --explain")


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
