"""What may be swapped, on one page: queues, registries and the bus, strategies, executors, inboxes and reports.

Every implementation runs the same contract tests (tests/contracts/). All calls are synchronous,
every wait is bounded, and what is said here is not said again at the implementations.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from common.domain.messages import Beat, LogUpdate, Order, StatusUpdate
from common.domain.reports import Finished, Granted, LogChunk
from common.domain.result import Result
from common.domain.task import Task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Message(Generic[T]):
    """One message as taken: its decoded body, and an id that stays the same when it is delivered again."""

    id: str
    body: T


class Queue(Protocol[T]):
    """A line of messages with many producers and, per handle, one consumer.

    At least once: what was taken and not acknowledged comes again to the next handle of the same
    consumer, before anything new. `put` may be called from many threads; `take`, `ack` and `reject`
    from one at a time. A handle that raised Unavailable may simply be used again.
    """

    def put(self, bodies: Iterable[T]) -> None:
        """Append; returns when they are safe. Raises Unanswered where they may be there already."""
        ...

    def take(self, limit: int, timeout: float) -> Sequence[Message[T]]:
        """Up to `limit` messages, oldest first; waits up to about `timeout` seconds for the first, never for more.

        A message that can't be decoded goes to the dead-letter list with its reason and is not returned.
        """
        ...

    def ack(self) -> None:
        """Settle everything that this handle has taken so far. Repeating it is harmless."""
        ...

    def reject(self, message: Message[T], reason: str) -> None:
        """Move one taken message to the dead-letter list, with the reason a person will read there."""
        ...

    def close(self) -> None:
        """Let go of the handle's connections; what it has not settled comes again to the next handle."""
        ...


Info = Mapping[str, Any]
"""What a member says of itself: a JSON object, with its `boot` in it."""


class Registration(Protocol):
    """One boot's presence in a group; it is kept up, and made anew after an outage, until it is closed."""

    @property
    def proved_until(self) -> float:
        """Until when, by the monotonic clock, others certainly see this boot as present; 0.0 where it can't be told."""
        ...

    def close(self) -> None:
        """Leave the group at once, or, where the registry is away, when it is back; waits two seconds at most."""
        ...


class Closing(Protocol):
    """Something that goes on until it is closed."""

    def close(self) -> None: ...


class Term(Protocol):
    """One time of leading an office."""

    @property
    def epoch(self) -> int:
        """Larger than that of every earlier term of this office, whoever led it."""
        ...

    @property
    def lost(self) -> threading.Event:
        """Set as soon as leadership is in doubt, which is before anybody else can lead; never cleared."""
        ...


class Registry(Protocol):
    """Who lives, and who leads. Safe to use from many threads; callbacks come from the registry's own threads.

    A registry that is away is waited for in the background: `register`, `watch` and `campaign` return soon all the
    same, and take effect when it is back. Only `members` and `leader` ask at once, and raise Unavailable.
    """

    def register(self, group: str, member: str, info: Info) -> Registration:
        """Be present in `group` as long as this process lives. A new boot of a member replaces the old one at once."""
        ...

    def members(self, group: str) -> Mapping[str, Info]:
        """Who is present now, as a fresh look says; a member whose info can't be read has an empty one."""
        ...

    def watch(self, group: str, changed: Callable[[Mapping[str, Info]], None]) -> Closing:
        """Call `changed` with who is present, first as it is now, then whole again after each change.

        Survives outages, and a group that was deleted by hand. `changed` must return soon; it is not called in
        two threads at once.
        """
        ...

    def campaign(self, office: str, candidate: str, lead: Callable[[Term], None]) -> Closing:
        """Stand for an office; each time it is won, call `lead` with the term, in a thread of the campaign.

        `lead` returns soon after `term.lost` is set; where it returns before, the office is given up. Then it is
        stood for again, until it is closed: that sets `lost`, waits for `lead`, and gives the office up at once.
        """
        ...

    def leader(self, office: str) -> tuple[str, int] | None:
        """The candidate that leads and its epoch, as a fresh look says."""
        ...

    def close(self) -> None:
        """Close everything that was made here, and let go of the connections."""
        ...


class Dispatches(Protocol):
    """How a leader tells agents which attempts are theirs. One lost or repeated is harmless: the gate decides.

    Safe to share between threads.
    """

    def publish(self, orders: Sequence[Order]) -> None:
        """Returns when they are safe. Raises Unavailable; Unanswered where some may be there already."""
        ...


@dataclass(eq=False, slots=True, weakref_slot=True)
class Candidate:
    """One boot of an agent, as the scheduler's pool sees it. Others only read it, and may keep notes by it."""

    agent: str
    boot: str
    slots: int
    weight: float = 1.0
    """How much of the work it should get, beside others; above 0."""
    labels: Mapping[str, str] = field(default_factory=dict)
    types: frozenset[str] = frozenset()
    """The types of task that it runs; empty where it does not say."""
    held: int = 0
    """Tasks that it has been given and that have not ended, as far as is known."""
    window: int = 0
    """Tasks that it may hold beyond its slots."""
    shut: str = ""
    """Why it gets nothing new, like "drained"; empty while it may."""
    turn: int = 0
    """When it was last chosen, counted in choices of the pool; 0 where it never was."""
    busy: float = 0.0
    """How much of its machine is in use, as its heartbeats say: its processors, and its own tasks' part once more."""

    @property
    def room(self) -> int:
        """How many more tasks it may be given now; may be below 0."""
        return 0 if self.shut else self.slots + self.window - self.held

    @property
    def load(self) -> float:
        """Tasks held for each slot."""
        return self.held / self.slots


class Candidates(Protocol):
    """The agents that a task may go to: each fits it and has room. In the order of their ids; never none.

    The same object for all tasks that ask the same of an agent, kept up to date between choices: a strategy that
    takes one by number, by id or by `least` need not look at all of them, and costs no more where they are many.
    Used by one thread.
    """

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Candidate: ...
    def __iter__(self) -> Iterator[Candidate]: ...

    @property
    def members(self) -> Sequence[Candidate]:
        """All that fit, those too that have no room now; another object whenever one came or went."""
        ...

    def get(self, agent: str) -> Candidate | None:
        """The one of this id, if it fits and has room."""
        ...

    def least(self, by: Callable[[Candidate], Any]) -> Candidate:
        """The one for which `by` is least; of equals, any.

        Cheap where it is asked by the same function each time. What that function says of a candidate may rise
        between choices, and may fall only with what stands in the candidate itself.
        """
        ...


class Strategy(Protocol):
    """Chooses the agent of a task. Called in one thread, once for each task; must return soon and not wait.

    It may have a text `because`, which says in the decision why one was chosen; `{load}`, `{weight}` and the
    like in it are the candidate's.
    """

    def __call__(self, task: Task, candidates: Candidates, /) -> Candidate: ...


class Cancellation(Protocol):
    """Tells a running executor to stop. Set at most once; safe to read from any thread."""

    @property
    def reason(self) -> str:
        """A `Reason` by name once it is set, empty before."""
        ...

    def is_set(self) -> bool: ...

    def fileno(self) -> int:
        """A file descriptor that becomes readable when it is set, to be waited on beside others."""
        ...


class Output(Protocol):
    """Where an executor puts what its task prints. Called from the executor's thread only; never blocks."""

    def write(self, data: bytes) -> None: ...


class Executor(Protocol):
    """Runs tasks of one type; called from many threads at once."""

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        """Run it to its end and say how it ended; whatever the task does is a Result, never an exception.

        Returns soon after `cancelled` is set, with everything that the task started gone.
        The result's output fields are filled in by the caller, from `output`.
        """
        ...


class Inbox(Protocol):
    """Where an agent gets its work: each task returned was granted to this agent's boot and is RUNNING in the store."""

    def take(self, limit: int, timeout: float) -> Sequence[Task]:
        """Up to `limit` tasks to run now; waits up to about `timeout` seconds for the first.

        Raises Unavailable; what may have been granted unseen is returned by the next call.
        """
        ...


class Report(Protocol):
    """How an agent tells what became of its tasks. A report repeated is harmless. Safe to use from many threads."""

    def started(self, attempts: Sequence[tuple[Granted, float]]) -> None:
        """Tell of attempts that run, each with the seconds since it began; nothing to tell where the gate knows it."""
        ...

    def logs(self, chunks: Sequence[LogChunk]) -> None:
        """Publish output of tasks that still run. Raises Unavailable."""
        ...

    def finished(self, ends: Sequence[Finished]) -> None:
        """Publish ends of attempts; returns when they are safe. Raises Unavailable."""
        ...

    def returned(self, attempts: Sequence[Granted]) -> None:
        """Hand back attempts that were not started, and will not be. Raises Unavailable."""
        ...


class Orders(Dispatches, Protocol):
    """The same on a bus, where the way to an agent may have to be found first."""

    def warm(self, agents: Sequence[str]) -> None:
        """Find the ways to these agents: their first orders need not wait then. Raises Unavailable."""
        ...


class Beats(Protocol):
    """The heartbeats of all agents, as somebody sees them who has looked for a while."""

    def look(self, timeout: float) -> Mapping[str, tuple[Beat, float]]:
        """The newest heartbeat of each agent, with the seconds since it came; waits up to `timeout` for newer ones."""
        ...

    def close(self) -> None: ...


class Inlet(Queue[T], Protocol[T]):
    """A queue of which only what comes from now on is read."""

    def open(self) -> None:
        """Fix the place where reading begins; later calls do nothing. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Traffic:
    """One destination of the bus: how many messages it has had, and how many of them wait for their reader."""

    name: str
    waiting: int
    sent: int | None = None
    """None where nobody counts them."""


class Bus(Protocol):
    """The ways between roles (F-BUS-01). What it gives is for one thread each, unless it says otherwise."""

    def orders(self) -> Orders:
        """For leaders."""
        ...

    def inbox(self, agent: str) -> Inlet[Order]:
        """What is ordered of one agent from when it is opened, never what was before."""
        ...

    def status(self, manager: str = "") -> Queue[StatusUpdate]:
        """Updates on their way to the managers, who share them; for agents, who only put, it needs no name."""
        ...

    def logs(self, manager: str = "") -> Queue[LogUpdate]:
        """Output on its way to the managers; it never holds up what `status` brings."""
        ...

    def beat(self, beat: Beat) -> None:
        """Publish one heartbeat. Raises Unavailable; safe to use from many threads."""
        ...

    def beats(self) -> Beats:
        """For who watches all agents."""
        ...

    def destinations(self) -> Sequence[str]:
        """The agents that have a destination of their own. Raises Unavailable."""
        ...

    def forget(self, agents: Sequence[str]) -> None:
        """Remove the destinations of agents that are gone for good. Raises Unavailable."""
        ...

    def traffic(self) -> Sequence[Traffic]:
        """What is on its way to managers, and to dead letters; looking changes nothing. Raises Unavailable."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...
