"""A registry in a few lines, for one process: members and leaders are what the test says."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from common.contracts import Info, Registration, Term


@dataclass(eq=False)
class Told:
    """A term, whose end the test tells."""

    epoch: int
    lost: threading.Event = field(default_factory=threading.Event)


class Standing:
    def __init__(self, registry: "Registry", candidate: str, lead: Callable[[Term], None]) -> None:
        self.registry, self.candidate, self.lead = registry, candidate, lead
        self.term: Told | None = None
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self.stand, daemon=True)
        self.thread.start()

    def stand(self) -> None:
        while not self.closed.is_set():
            if self.registry.office.acquire(timeout=0.01):
                try:
                    self.term = self.registry.term = Told(next(self.registry.epochs))
                    if not self.closed.is_set():
                        self.lead(self.term)
                finally:
                    self.registry.office.release()

    def close(self) -> None:
        self.closed.set()
        if self.term:
            self.term.lost.set()
        self.thread.join()


class Watching:
    def __init__(self, registry: "Registry", changed: Callable[[Mapping[str, Info]], None]) -> None:
        self.registry, self.changed = registry, changed
        registry.watches.append(self)
        changed(dict(registry.present))

    def close(self) -> None:
        self.registry.watches.remove(self)


class Registry:
    def __init__(self, first_epoch: int = 1) -> None:
        self.present: dict[str, Info] = {}
        self.watches: list[Watching] = []
        self.office = threading.Lock()
        self.epochs = count(first_epoch)
        self.term: Told | None = None

    def put(self, member: str, info: Info | None, *, tell: bool = True) -> None:
        """`member` is there, or is not any more."""
        if info is None:
            self.present.pop(member, None)
        else:
            self.present[member] = info
        for watch in list(self.watches) if tell else []:
            watch.changed(dict(self.present))

    def members(self, group: str) -> Mapping[str, Info]:
        return dict(self.present)

    def watch(self, group: str, changed: Callable[[Mapping[str, Info]], None]) -> Watching:
        return Watching(self, changed)

    def campaign(self, office: str, candidate: str, lead: Callable[[Term], None]) -> Standing:
        return Standing(self, candidate, lead)

    def leader(self, office: str) -> tuple[str, int] | None:
        return None

    def register(self, group: str, member: str, info: Info) -> Registration:
        raise NotImplementedError

    def close(self) -> None: ...
