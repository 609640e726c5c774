"""What can be done to a member on purpose, as data."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from common.lab.errors import WouldNotStop, WrongState
from common.lab.home import Member
from common.lab.until import NotYet, until


@dataclass(frozen=True, slots=True)
class Fault:
    """A signal, the states in which a member can be given it, and the states in which it then is."""

    verb: str
    sign: signal.Signals
    before: tuple[str, ...]
    after: tuple[str, ...]
    done: str
    inner: bool = False
    """Whether it is done to the process behind the member's fence, where it has one: the fence stays awake."""


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.verb: fault
        for fault in (
            Fault("kill", signal.SIGKILL, ("running", "frozen"), ("dead", "stopped"), "killed"),
            Fault("freeze", signal.SIGSTOP, ("running",), ("frozen",), "frozen", inner=True),
            Fault("thaw", signal.SIGCONT, ("frozen",), ("running", "dead"), "thawed", inner=True),
            Fault("stop", signal.SIGTERM, ("running",), ("stopped",), "stopped"),
        )
    }
)


def check(fault: Fault, member: Member) -> None:
    """Raise WrongState where this can't be done to the member as it is now."""
    if member.state not in fault.before:
        raise WrongState(f"can't {fault.verb} {member.name}: it is {member.state}, not {' or '.join(fault.before)}")


def inflict(fault: Fault, member: Member, within: float) -> None:
    """Do it, and return when it shows. Raises WouldNotStop where it doesn't within so many seconds."""
    body = member.body
    (body if fault.inner else member.process).send(fault.sign)
    if fault.sign is signal.SIGKILL:
        # Its fence is dead, and what it fenced dies of that, as soon as it can act.
        body.send(signal.SIGCONT)
    try:
        until(lambda: member.state in fault.after and (member.process.alive() or not body.alive()), within)
    except NotYet:
        raise WouldNotStop(
            f"{member.name} (pid {member.pid}) is still {member.state} {within:g} s after {fault.sign.name}"
        ) from None
