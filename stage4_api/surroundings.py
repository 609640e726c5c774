"""Surroundings: what a manager sees beside its store: who is there, who leads, what is on the bus, what is dead."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from common.clock import Clock
from common.contracts import Beats, Bus, Info, Registry
from common.domain.messages import Beat
from common.rpc.providers import TASK_MANAGER, addresses_in, group_of
from common.settings import Settings
from common.transports.dead_letters import DeadLetter, DeadLetters
from stage4_api.lookout import Lookout

Document = dict[str, Any]

OFFICE = "scheduler"
GROUPS = {"schedulers": "live-schedulers", "managers": "live-managers", "apis": "live-apis"}
LETTERS = 100
"""Dead letters of each destination that are shown."""
LONGEST = 2000
"""Characters of one of them."""
TOLD = ("boot", "host", "pid", "url")
"""What is told of a member, beside its name."""


@dataclass(frozen=True)
class Places:
    """What there is to be looked at."""

    registry: Registry
    bus: Bus
    letters: Callable[[], Sequence[DeadLetters]]
    """Opens them; they are closed after each look."""
    settings: Settings
    """By which it is told what they are."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """What registry and bus are."""
        known = self.settings
        return {"registry": "ZooKeeper" if known.zookeeper else "Redis", "bus": "Kafka" if known.kafka else "Redis"}


class Surroundings:
    """Asks each place in a thread of its own: one that is away hides no other. Its `lookouts` are to be run."""

    def __init__(self, places: Places, clock: Clock) -> None:
        self._places = places
        self._beats: Beats | None = None
        self._registry = Lookout("registry", self._present, clock)
        self._bus = Lookout("bus", self._under_way, clock)
        self._loads = Lookout("heartbeats", self._beating, clock)
        self._letters = Lookout("letters", self._dead, clock, 2.0)

    @property
    def lookouts(self) -> Sequence[Lookout]:
        """Services; they look only while somebody asks."""
        return self._registry, self._bus, self._loads, self._letters

    def look(self) -> Document:
        """The last that was seen of everything. Never waits long, and raises nothing."""
        present, registry = self._registry.seen()
        traffic, bus = self._bus.seen()
        loads, _ = self._loads.seen()
        letters, _ = self._letters.seen()
        nobody: Document = dict.fromkeys(GROUPS) | {"leader": None}
        kinds = self._places.kinds
        return {
            **(present or nobody),
            "traffic": traffic,
            "loads": loads or {},
            "letters": letters,
            "health": [{**said, "kind": kinds[str(said["name"])]} for said in (registry, bus)],
        }

    def _present(self) -> Document:
        registry = self._places.registry
        led = registry.leader(OFFICE)
        found: Document = {"leader": {"scheduler": led[0], "epoch": led[1]} if led else None}
        for name, group in GROUPS.items():
            found[name] = [_member(member, info) for member, info in sorted(registry.members(group).items())]
        addresses = _addresses(registry.members(group_of(TASK_MANAGER)))
        found["managers"] = [one | {"address": addresses.get(one["name"])} for one in found["managers"]]
        return found

    def _under_way(self) -> list[Document]:
        return [{"name": one.name, "waiting": one.waiting, "sent": one.sent} for one in self._places.bus.traffic()]

    def _beating(self) -> dict[str, Document]:
        if self._beats is None:
            self._beats = self._places.bus.beats()
        return {agent: _load(beat, age) for agent, (beat, age) in self._beats.look(0.2).items()}

    def _dead(self) -> list[Document]:
        with ExitStack() as opened:
            kept = [opened.enter_context(closing(one)) for one in self._places.letters()]
            found = [letter for one in kept for letter in one.newest(LETTERS)]
        return [_letter(one) for one in sorted(found, key=lambda letter: letter.at, reverse=True)]


def _addresses(members: Mapping[str, Info]) -> dict[str, str]:
    """Where each manager answers calls, by its id."""
    return {
        str(info.get("manager")): address for name, info in members.items() for address in addresses_in({name: info})
    }


def _member(name: str, info: Info) -> Document:
    return {"name": name} | {key: info.get(key) for key in TOLD}


def _load(beat: Beat, age: float) -> Document:
    return {
        **{name: getattr(beat, name) for name in ("running", "free", "cpu", "own", "memory", "idle", "draining")},
        "waiting": len(beat.waiting),
        "age": round(age, 2),
    }


def _letter(letter: DeadLetter) -> Document:
    body = letter.body.encode(errors="replace").decode()
    cut = body if len(body) <= LONGEST else f"{body[:LONGEST]}…"
    return {"queue": letter.queue, "at": letter.at, "reason": letter.reason, "id": letter.id, "body": cut}
