"""How the findings of a check are written down: for people as they come, or as one document for programs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

from common.cli.console import document, one_line
from common.cli.demo import console
from common.cli.values import aligned, shown
from common.lab.playing import Outcome
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
