"""Checks a scenario's harmless claims on a running system, one by one, and writes down what was found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

from common.cli.attached import Attached
from common.cli.console import document, one_line
from common.cli.demo import console
from common.cli.exits import Exit
from common.cli.values import aligned, shown
from common.clock import SystemClock
from common.domain.errors import Unavailable
from common.domain.status import Status
from common.lab.picture import Picture
from common.lab.playing import ClaimBroken, Outcome, Player
from common.lab.scenario import Beat, Claim, Gap, Scenario
from common.lab.stages import StageSpec
from common.lab.texts import Texts, load

HELD, BROKEN, UNKNOWN = "held", "broken", "unknown"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about one claim. `outcome` is None where it could not even be asked."""

    beat: Beat
    claim: Claim | Gap
    verdict: str
    outcome: Outcome | None = None
    why: str = ""

    @property
    def id(self) -> str:
        return f"{self.beat.id}.{self.claim.id}"


@dataclass(frozen=True, slots=True)
class Total:
    """What came of it all, and what it leaves in the store."""

    place: str
    claims: int
    held: int
    broken: int
    prefix: str
    tasks: Sequence[str]
    waiting: int
    letters: int

    @property
    def unknown(self) -> int:
        """Those that could not be told, and those that were not even asked on their account."""
        return self.claims - self.held - self.broken

    @property
    def verdict(self) -> str:
        return BROKEN if self.broken else UNKNOWN if self.unknown else HELD


class Sheet(Protocol):
    """Where the findings are written."""

    def beat(self, beat: Beat) -> None: ...

    def asked(self, command: str) -> None: ...

    def checked(self, checked: Checked) -> None: ...

    def total(self, total: Total) -> None: ...

    def nothing(self, why: str) -> None:
        """Nothing could be checked at all."""
        ...


class Checking:
    """One check of all harmless beats. It is the player's audience, and goes on where a claim is broken."""

    def __init__(self, there: Attached, scenario: Scenario, sheet: Sheet, prefix: str, patience: float) -> None:
        self._there, self._scenario, self._sheet, self._prefix = there, scenario, sheet, prefix
        self._patience = patience
        self._checks: list[Checked] = []

    def run(self) -> Exit:
        """Returns OK, FAILED where a claim is broken, else USAGE where one could not be told."""
        player = Player(self._there.world, self._there.observer, SystemClock(), self, patience=self._patience)
        for beat in self._scenario.harmless:
            if not self._play(player, beat):
                # What is in the way of one is in the way of all.
                break
        total = self._total()
        self._sheet.total(total)
        return Exit.FAILED if total.broken else Exit.USAGE if total.unknown else Exit.OK

    def _play(self, player: Player, beat: Beat) -> bool:
        """Returns whether it makes sense to go on."""
        try:
            player.play_beat(beat)
        except ClaimBroken as broken:
            checked = self._judge(broken.outcome)
            self._write(checked)
            return checked.verdict == BROKEN
        except Unavailable as error:
            self._write(Checked(beat, beat.claims[0], UNKNOWN, why=str(error)))
            return False
        return True

    def opened(self, beat: Beat) -> None:
        self._sheet.beat(beat)

    def doing(self, command: str, *, hurts: bool) -> None:
        self._sheet.asked(command)

    def awaiting(self, beat: Beat, step: Claim | Gap) -> None:
        pass

    def saw(self, picture: Picture) -> None:
        pass

    def judged(self, outcome: Outcome) -> None:
        if outcome.held:
            self._write(Checked(outcome.beat, outcome.step, HELD, outcome))

    def closed(self, beat: Beat) -> None:
        pass

    def _write(self, checked: Checked) -> None:
        self._checks.append(checked)
        self._sheet.checked(checked)

    def _judge(self, outcome: Outcome) -> Checked:
        """A claim that did not come true: broken, unless something else was in its way."""
        why = _trouble(outcome.picture)
        return Checked(outcome.beat, outcome.step, UNKNOWN if why else BROKEN, outcome, why)

    def _total(self) -> Total:
        picture = self._there.observer.look()
        keys = self._there.names.keys
        return Total(
            place=self._there.place,
            claims=sum(len(beat.claims) for beat in self._scenario.harmless),
            held=sum(check.verdict == HELD for check in self._checks),
            broken=sum(check.verdict == BROKEN for check in self._checks),
            prefix=self._prefix,
            tasks=[task for task in picture.tasks if task.startswith(self._prefix)],
            waiting=self._ours(picture, keys.tasks_queue),
            letters=self._ours(picture, keys.dead_letters(keys.tasks_queue)),
        )

    def _ours(self, picture: Picture, queue: str) -> int:
        return sum(self._prefix in message for message in picture.queues[queue].head) if queue in picture.queues else 0


def _trouble(picture: Picture) -> str:
    """What keeps any task from running, through no fault of the stage's; '' where nothing does."""
    if picture.away:
        return picture.away
    held = [lease for lease in picture.leases.values() if lease.fields]
    if not held:
        return "no agent holds a lease any more"
    slots = sum(int(lease.fields.get("slots") or 0) for lease in held)
    if picture.counts.get(Status.RUNNING, 0) >= slots:
        return f"all {slots} slots are taken by other tasks"
    return ""


def sheet(spec: StageSpec, scenario: Scenario, language: str, *, as_json: bool) -> Sheet:
    """For people, in their language, or one JSON document for programs."""
    if as_json:
        return JsonSheet(spec)
    return PaperSheet(spec, scenario, load(scenario.texts, language), load("common.cli.phrases", language), console())


@dataclass(slots=True)
class JsonSheet:
    """Keeps all, and prints it as one document at the end."""

    spec: StageSpec
    commands: list[str] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)

    def beat(self, beat: Beat) -> None:
        self.commands = []

    def asked(self, command: str) -> None:
        self.commands.append(command)

    def checked(self, checked: Checked) -> None:
        outcome = checked.outcome
        self.claims.append(
            {
                "id": checked.id,
                "verdict": checked.verdict,
                "why": checked.why or None,
                "asked": list(self.commands),
                "command": outcome.command if outcome else None,
                "expected": outcome.expected if outcome else None,
                "got": outcome.seen if outcome else None,
                "seconds": round(outcome.seconds, 3) if outcome else None,
            }
        )

    def total(self, total: Total) -> None:
        document(
            {
                "stage": self.spec.number,
                "redis": total.place,
                "verdict": total.verdict,
                "held": total.held,
                "broken": total.broken,
                "unknown": total.unknown,
                "claims": self.claims,
                "leftBehind": {"tasks": list(total.tasks), "waiting": total.waiting, "deadLetters": total.letters},
            }
        )

    def nothing(self, why: str) -> None:
        document({"stage": self.spec.number, "verdict": UNKNOWN, "why": why, "claims": []})


class PaperSheet:
    """Prints each finding as soon as it is there."""

    def __init__(self, spec: StageSpec, scenario: Scenario, texts: Texts, phrases: Texts, paper: Console) -> None:
        self._spec, self._scenario = spec, scenario
        self._texts, self._phrases, self._paper = texts, phrases, paper

    def beat(self, beat: Beat) -> None:
        self._print(Text(f"\n{self._texts(f'{beat.id}.title')}", style="bold"))

    def asked(self, command: str) -> None:
        self._print(Text(f"  $ {one_line(command)}", style="dim"))

    def checked(self, checked: Checked) -> None:
        sign, style = {HELD: ("✓", "green"), BROKEN: ("✗", "bold red"), UNKNOWN: ("?", "yellow")}[checked.verdict]
        self._print(Text.assemble((f"  {sign} ", style), self._texts(checked.id)))
        if checked.why:
            self._print(Text(f"      {one_line(checked.why)}", style="yellow"))
        if checked.outcome is None:
            return
        self._print(Text(f"      $ {one_line(checked.outcome.command)}", style="dim"))
        expected, got = aligned(self._phrases("verify.expected"), self._phrases("verify.got"))
        if checked.verdict != HELD:
            self._print(Text(f"      {expected}  {shown(checked.outcome.expected)}"))
        style = "dim" if checked.verdict == HELD else "red"
        self._print(Text(f"      {got}  {shown(checked.outcome.seen)}", style=style))

    def total(self, total: Total) -> None:
        self._print(Text())
        for verdict, style in ((HELD, "green"), (BROKEN, "bold red"), (UNKNOWN, "yellow")):
            if number := getattr(total, verdict):
                said = self._phrases(f"verify.{verdict}", number=number, claims=total.claims, place=total.place)
                self._print(Text(said, style=style))
        private = ", ".join(self._texts(f"{beat.id}.title") for beat in self._scenario.beats if beat.private)
        self._print(Text(self._phrases("verify.private", beats=private, number=self._spec.number), style="dim"))
        left = {"tasks": len(total.tasks) + total.waiting, "letters": total.letters, "prefix": total.prefix}
        self._print(Text(self._phrases("verify.left", **left), style="dim"))

    def nothing(self, why: str) -> None:
        pass

    def _print(self, text: Text) -> None:
        self._paper.print(text, soft_wrap=True)
