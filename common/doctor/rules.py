"""What must hold in a store, and what is to be done where it doesn't: the rules, the findings, and their tally."""

from dataclasses import dataclass, field, replace

from common.doctor.verdicts import Verdict

KEPT = 1000
"""Findings of each rule that are kept with their words; of further ones only the number is."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that holds in a sound store."""

    name: str
    holds: str
    """The rule, as a sentence without its end."""
    advice: str
    """Who or what sets it right, where `--repair` does not."""
    repair: str = ""
    """What `--repair` does; empty where only a person, or an agent, can know what is right."""
    verdict: Verdict = Verdict.BAD
    """What a breach comes to."""


INDEXES = Rule(
    "indexes",
    "each task stands in tasks:all and in the index of its status, and in no other",
    "until then lists and counts are wrong, and no scan finds it",
    repair="sets its places right by its hash",
)
QUEUES = Rule(
    "queues",
    "each PENDING task stands in one queue, and no other task in any",
    "an agent's own scan puts back what is PENDING, and passes over what is not",
    repair="sets its places right by its hash",
)
HOLDINGS = Rule(
    "holdings",
    "each agent's list is the tasks that it holds",
    "a task that stands there wrongly counts against what its agent may be given",
    repair="sets its places right by its hash",
)
CANCELS = Rule(
    "cancels",
    "running tasks that somebody asked to cancel stand in tasks:cancelling, and no others",
    "one that is missing there runs on, for its agent is not told again to end it",
    repair="sets its places right by its hash",
)
DEADLINES = Rule(
    "deadlines",
    "tasks that are to have started by a time, and have not, stand in tasks:expiring",
    "one that is missing there waits on when it is too late, until an agent may have it: then it is refused",
    repair="puts it there, by its hash",
)
GHOSTS = Rule(
    "ghosts",
    "indexes and queues name only tasks that there are",
    "somebody deleted a hash of dts by hand",
    repair="takes the id out of indexes and queues",
)
EXPIRY = Rule(
    "expiry",
    "nothing of a task expires by itself",
    "somebody gave a key of dts a TTL; it will be gone when that is over",
    repair="takes the TTL off",
)
REQUESTS = Rule(
    "requests",
    "each requestId leads to its task, and back",
    "whoever repeats that request is answered with the wrong task, or none. Look at both with redis-cli; DEL the "
    "request's key if the request may be carried out anew",
    repair="writes one that is missing again",
)
HASHES = Rule(
    "hashes",
    "each task's hash can be read, and agrees with itself",
    "something other than dts wrote there: look with redis-cli HGETALL (TYPE, GET), correct its fields or DEL the key, "
    "then run this again",
)
HISTORIES = Rule(
    "histories",
    "each history is a chain of legal moves that ends where its task is",
    "a history is evidence and is never written anew: look with `dts get ID --history` what happened, and who wrote",
)
LEFTOVERS = Rule(
    "leftovers",
    "histories and logs belong to tasks that there are",
    "a task's hash was deleted, and this is the only trace of it: look with redis-cli, then UNLINK the key",
)
LEASES = Rule(
    "leases",
    "each task under way is covered by the lease of its agent's boot",
    "its commands may still run where its agent was, so nothing is taken from it here: start an agent of that id, "
    "whose scan ends them and runs the task again",
)
ENDLESS = Rule(
    "endless leases",
    "each lease runs out unless its agent renews it",
    "see that no process of that agent lives, then DEL the key: until then its tasks count as covered for ever",
)
HELD = Rule(
    "held messages",
    "what was taken off queue:tasks is settled by an agent that lives",
    "start an agent of that id: it takes them first; nobody else does",
)
KINDS = Rule(
    "kinds",
    "each key of dts is of its kind",
    "another program uses this name: RENAME or DEL the key, or give dts a namespace of its own (DTS_NAMESPACE)",
)
OVERDUE = Rule(
    "retries",
    "tasks whose wait for their time, or for a retry, is over are ready",
    "an agent that lives does it five times a second: start one, or see why it doesn't",
    repair="makes them ready",
    verdict=Verdict.WARN,
)
RETENTION = Rule(
    "retention",
    "final tasks leave when their time is over",
    "a running agent removes them after its DTS_RETENTION, which may be longer than the one here",
    verdict=Verdict.WARN,
)
AGENTS = Rule(
    "agents",
    "an agent is there to run tasks",
    "start one; `dts up 1 -d` starts the whole of stage 1 on this machine",
    verdict=Verdict.WARN,
)
LETTERS = Rule(
    "dead letters",
    "every message could be read",
    "`dts dlq list` shows them with their reasons; `dts dlq replay` sends them again, `dts dlq drop` forgets them",
    verdict=Verdict.WARN,
)
GIVEN_UP = Rule(
    "given up",
    "no task was given up because agents kept dying with it",
    "see with `dts get ID --history` what it did to them before `dts retry ID`; then DEL the key",
    verdict=Verdict.WARN,
)
FOREIGN = Rule(
    "foreign keys",
    "only dts writes here",
    "another program, or a platform with a namespace, shares this database: keep them apart by DTS_NAMESPACE or /1",
    verdict=Verdict.WARN,
)

RULES = (
    *(INDEXES, QUEUES, HOLDINGS, CANCELS, DEADLINES, GHOSTS, EXPIRY, HASHES, HISTORIES, LEFTOVERS),
    *(REQUESTS, KINDS, LEASES, ENDLESS, HELD, OVERDUE, AGENTS, RETENTION, LETTERS, GIVEN_UP, FOREIGN),
)
"""In the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one rule. `subject` is a task's id or a key, `seen` the breach in words."""

    rule: Rule
    subject: str
    seen: str
    done: str = ""
    """What was done, where that has set it right."""

    @property
    def place(self) -> tuple[str, str]:
        """What makes two looks speak of the same breach."""
        return self.rule.name, self.subject


@dataclass(slots=True)
class Group:
    """What was found against one rule."""

    rule: Rule
    findings: list[Finding] = field(default_factory=list)
    """The first of them."""
    count: int = 0
    repaired: int = 0

    @property
    def verdict(self) -> Verdict:
        return self.rule.verdict if self.count > self.repaired else Verdict.OK


class Tally:
    """All findings of one examination, each once."""

    def __init__(self) -> None:
        self.groups = {rule.name: Group(rule) for rule in RULES}
        self._known: set[tuple[str, str]] = set()

    def add(self, finding: Finding) -> None:
        """Note one; what was noted before is not noted again."""
        if finding.place in self._known:
            return
        group = self.groups[finding.rule.name]
        if len(group.findings) < KEPT:
            self._known.add(finding.place)
            group.findings.append(finding)
        group.count += 1
        group.repaired += bool(finding.done)

    def repaired(self, finding: Finding, done: str) -> None:
        """Note one together with what has set it right."""
        self.add(replace(finding, done=done))
