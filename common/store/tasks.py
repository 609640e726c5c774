"""TaskStore: the truth about tasks, on Redis. Every change is one fenced move in one script."""

from common.store.granting import Granting
from common.store.leading import Leading
from common.store.submitting import Submitting
from common.store.upkeep import Upkeep


class TaskStore(Submitting, Leading, Granting, Upkeep):
    """All verbs of a task (common.domain.status.Verb), each batch one round trip per 200 tasks.

    Safe to share between threads. Raises Unavailable where nothing was done and Unanswered where it may
    have been: every verb but `claim` may simply be called again. `by` names the asker in the history.
    """
