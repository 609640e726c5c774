"""Every error that dts raises on purpose.

    DtsError
    ├── Rejected              the act certainly did not happen; asking again the same way won't help
    │   ├── InvalidTask       what was submitted is not a task
    │   ├── BadMessage        what was taken from a queue can't be read
    │   ├── UnfitServer       a server is set up in a way that would lose data
    │   ├── DuplicateAgent    another live process holds this agent id
    │   ├── NotAllowed        who asks is not known, or may not do that
    │   └── BadSetting        a setting is wrong
    ├── CorruptTask           what stands in the store is not a task; somebody else wrote there
    └── Unavailable           a server can't be reached; certainly did not happen
        ├── Unready           it is reached, and says that it can't now; certainly did not happen
        └── Unanswered        asked, but the answer never came: it may have happened

A task that fails is a result, never one of these; a refused verb is an `Answer`.
"""


class DtsError(Exception):
    """Root of all; its text is fit to be shown to whoever asked."""

    may_have_happened = False


class Rejected(DtsError):
    """Refused as it stands; the act certainly did not happen."""


class InvalidTask(Rejected):
    """What was submitted is not a task; the text names each field and what is wrong with it."""


class BadMessage(Rejected):
    """A message that can't be read; it belongs on the dead-letter list with this text as the reason."""


class UnfitServer(Rejected):
    """A server's own settings would break the promise, for example by evicting keys."""


class DuplicateAgent(Rejected):
    """Another live process holds the lease of this agent id."""


class NotAllowed(Rejected):
    """Who asks is not known, or may not do that; the text says what is missing."""


class BadSetting(Rejected):
    """A setting can't be used; the text names it and where it came from."""


class CorruptTask(DtsError):
    """A task's hash can't be read back; something other than dts wrote there."""


class Unavailable(DtsError):
    """No connection: the act certainly did not happen. Waiting and asking again is right."""


class Unready(Unavailable):
    """The server answered that it can't now: full, still loading, read-only. The text says what is to be done there."""


class Unanswered(Unavailable):
    """Sent, but the answer was lost: the act may have happened. Only an idempotent act may be repeated."""

    may_have_happened = True
