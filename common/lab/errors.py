"""What can go wrong with a cluster on this machine."""

from common.domain.errors import DtsError


class LabError(DtsError):
    """Root of the lab's errors; each text says what to do next."""


class MissingServer(LabError):
    """A server that is needed is not on this machine, or what it needs to run."""


class DownloadFailed(LabError):
    """A file could not be fetched; the text names its address. What came of it is kept for the next try."""


class WrongChecksum(LabError):
    """What is offered is not the file that dts was tested with; it was thrown away."""


class NoFreePort(LabError):
    """No port on the loopback address could be had."""


class UnusableHome(LabError):
    """The directory for a cluster's state, or for jars, can't be made, read or written."""


class AlreadyUp(LabError):
    """Another cluster stands in this home, or is being started there."""


class NotUp(LabError):
    """No cluster stands in this home."""


class NoSuchMember(LabError):
    """The cluster has no member of that name; the text lists those that it has."""


class NoSuchStage(LabError):
    """No such stage is installed; the text lists those that are."""


class WrongState(LabError):
    """The member is not in a state in which this can be done to it."""


class StartFailed(LabError):
    """A member did not get ready; `log` has the last lines that it printed."""

    def __init__(self, what: str, log: str = "") -> None:
        super().__init__(f"{what}; its log ends:\n{log}" if log else what)
        self.what = what
        self.log = log


class WouldNotStop(LabError):
    """A process is still there after all that could be done to it in time."""
