"""Questions about those who do the work: processes, leases, and who is registered."""

from common.lab.picture import Picture
from common.lab.probe import Probe


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


def lease(agent: str, *, held: bool) -> Probe:
    """The agent's lease is held by somebody, or by nobody."""
    return Probe(
        lambda picture: bool(agent in picture.leases and picture.leases[agent].fields),
        held,
        lambda names: names.redis_cli("EXISTS", names.keys.agent(agent)),
    )


def registered(role: str, count: int) -> Probe:
    """So many of that role, agent or scheduler, are registered."""

    def see(picture: Picture) -> int:
        known = picture.registry
        return len(known.agents if role == "agent" else known.schedulers) if known else 0

    return Probe(see, count, lambda names: names.members(f"live-{role}s"))


def unregistered(task: str) -> Probe:
    """The agent of the task's first attempt is not registered."""

    def see(picture: Picture) -> bool:
        agent = picture.task(task).agent_of(1)
        return bool(agent and picture.registry and agent not in picture.registry.agents)

    return Probe(see, True, lambda names: names.members("live-agents"))


def led(*, by: str = "") -> Probe:
    """One of the registered schedulers leads; where `by` names a state of its process, a process in that state."""

    def see(picture: Picture) -> bool:
        known = picture.registry
        if not (known and known.leader in known.schedulers):
            return False
        leader = picture.member(known.leader)
        return not by or leader is None or leader.state == by

    return Probe(see, True, lambda names: names.leader("scheduler"))


def state_of_agent(task: str, state: str) -> Probe:
    """The agent of the task's first attempt is running, frozen, stopped or dead."""

    def see(picture: Picture) -> str:
        found = picture.member(picture.task(task).agent_of(1))
        return found.state if found else "unknown"

    return Probe(see, state, lambda _: "dts ps")
