"""Questions about what the members have logged."""

from common.lab.picture import Picture
from common.lab.probe import Probe


def says(agent: str, text: str) -> Probe:
    """The agent logged a line with this text."""
    return Probe(
        lambda picture: any(text in line for line in picture.said.get(agent, ())),
        True,
        lambda names: f"grep '{text}' {names.home}/cluster.run/{agent}.log",
        local=True,
    )


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
