"""What can go wrong with a cluster on this machine."""

from common.domain.errors import DtsError


class LabError(DtsError):
    """Root of the lab's errors; each text says what to do next."""


class MissingServer(LabError):
    """No binary of a server that is needed stands on this machine."""


class NoFreePort(LabError):
    """No port on the loopback address could be had."""


class UnusableHome(LabError):
    """The directory for a cluster's state can't be made, read or written."""


class AlreadyUp(LabError):
    """Another cluster stands in this home, or is being started there."""


class NotUp(LabError):
    """No cluster stands in this home."""


class NoSuchMember(LabError):
    """The cluster has no member of that name, or no such stage is known; the text lists those that there are."""


class WrongState(LabError):
    """The member is not in a state in which this can be done to it."""


class StartFailed(LabError):
    """A member did not get ready; the text ends with the last lines of its log."""


class WouldNotStop(LabError):
    """A process is still there after all that could be done to it in time."""
