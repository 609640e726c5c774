"""Names for members that are known only while the system runs: who leads, who is dead, who is frozen."""

from collections.abc import Iterable

from common.contracts import Registry
from common.domain.errors import Unavailable
from common.lab.errors import NoSuchMember

LEADER, DEAD, FROZEN = "leader", "dead", "frozen"
ALIASES = (LEADER, DEAD, FROZEN)


def resolved(name: str, states: Iterable[tuple[str, str]], registry: Registry | None) -> str:
    """The member that is meant; `states` are (name, state) of all. A name that is no alias stays as it is.

    Raises NoSuchMember where nobody is it now.
    """
    if name not in ALIASES:
        return name
    if name == LEADER:
        found = _leader(registry)
    else:
        found = next((member for member, state in states if state == name), "")
    if not found:
        raise NoSuchMember(f"no member is {'the leader' if name == LEADER else name} now; `dts ps` shows them")
    return found


def _leader(registry: Registry | None) -> str:
    try:
        leader = registry.leader("scheduler") if registry else None
    except Unavailable as error:
        raise NoSuchMember(f"who leads can't be told now: {error}") from error
    return leader[0] if leader else ""
