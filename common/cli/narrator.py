"""Tells a person what happens in a demo: live on a terminal, line by line in a pipe."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from common.cli.console import one_line
from common.cli.drawing import drawing
from common.cli.pace import Pace
from common.cli.panels import FEW, MANY, News, panels
from common.cli.prose import paragraphs
from common.cli.values import aligned, shown
from common.domain.errors import DtsError
from common.lab.picture import Picture
from common.lab.playing import Outcome
from common.lab.scenario import Beat, Claim, Gap, Scenario
from common.lab.texts import Texts

WIDEST = 100
"""Columns; longer lines are hard to read."""
WIDE = 90
"""Columns from which on there is room for all."""
FRAMES = 10
"""Pictures a second on a terminal."""
STALE = 0.15
"""Seconds after which a picture is taken anew though nobody asked for one: a long act is watched too."""
FRESH = 1.2
"""Seconds for which a change is marked."""
ROWS = 5
"""Rows of a panel."""
QUICK = 0.05
"""Seconds; that something came true sooner need not be told."""


@dataclass(slots=True)
class _Scene:
    """What one beat shows so far."""

    beat: Beat
    done: list[Text] = field(default_factory=list)
    awaited: Text | None = None
    picture: Picture | None = None
    taken: float = 0.0


class Narrator:
    """An Audience that tells everything to `console`. `observe` takes a picture when none has come for a while."""

    def __init__(
        self,
        console: Console,
        scenario: Scenario,
        texts: Texts,
        phrases: Texts,
        pace: Pace,
        observe: Callable[[], Picture],
    ) -> None:
        self._console, self._scenario, self._texts, self._phrases = console, scenario, texts, phrases
        self._pace, self._observe = pace, observe
        self._lock = threading.Lock()
        self._news = News(FRESH)
        self._number = 0
        self._scene: _Scene | None = None
        self._live: Live | None = None

    def opened(self, beat: Beat) -> None:
        self._number += 1
        self._scene = _Scene(beat)
        title = f"{self._number}/{len(self._scenario.beats)}  {self._texts(f'{beat.id}.title')}"
        self._console.print()
        self._console.print(Rule(Text(title, style="bold"), align="left", style="cyan"))
        self._console.print(told(self._texts(f"{beat.id}.say"), self._console))
        self._console.print()
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, get_renderable=self._frame, refresh_per_second=FRAMES, vertical_overflow="crop"
            )
            self._live.start()

    def doing(self, command: str, *, hurts: bool) -> None:
        line = one_line(command)
        if self._live and cell_len(line) + len("$ ") > self._console.width:
            # Still one command for a shell, should somebody copy it from the screen.
            line = line.replace(" '", " \\\n    '", 1)
        self._tell(Text.assemble(("$ ", "dim"), (line, "bold red" if hurts else "bold")))

    def awaiting(self, beat: Beat, step: Claim | Gap) -> None:
        if self._scene:
            self._scene.awaited = Text(f"… {self._texts(f'{beat.id}.{step.id}')}", style="yellow")

    def saw(self, picture: Picture) -> None:
        with self._lock:
            if self._scene:
                self._scene.picture, self._scene.taken = picture, time.monotonic()

    def judged(self, outcome: Outcome) -> None:
        self.saw(outcome.picture)
        if self._scene:
            self._scene.awaited = None
        if outcome.held:
            self._tell(*verdict(outcome, self._texts, self._phrases))

    def closed(self, beat: Beat) -> None:
        self.close()
        if beat is self._scenario.beats[-1]:
            return
        self._pace.settle()
        if not self._pace.hint:
            return
        hint = Text(self._phrases(self._pace.hint), style="dim")
        with Live(hint, console=self._console, auto_refresh=False, transient=True):
            self._pace.rest(" ".join(text for name, text in self._texts.items() if name.startswith(f"{beat.id}.")))

    def close(self) -> None:
        """Leave the last frame of the beat where it stands; harmless where there is none."""
        if self._live:
            live, self._live = self._live, None
            live.stop()
        elif self._scene and self._scene.picture and not self._console.is_terminal:
            show(self._console, self._panels(self._scene))
        self._scene = None

    def _tell(self, *lines: Text) -> None:
        if self._live and self._scene:
            self._scene.done += lines
        else:
            for line in lines:
                self._console.print(line, soft_wrap=True)

    def _frame(self) -> RenderableType:
        scene = self._scene
        if scene is None:
            return Group()
        if time.monotonic() - scene.taken > STALE:
            # The store may be away or in the middle of coming back: then the last picture stays.
            with suppress(DtsError):
                self.saw(self._observe())
        said = [*scene.done, *([scene.awaited] if scene.awaited else [])]
        return Group(*said, Text(), self._panels(scene)) if scene.picture else Group(*said)

    def _panels(self, scene: _Scene) -> RenderableType:
        with self._lock:
            if scene.picture is None:
                return Group()
            many = MANY if self._console.width >= WIDE else FEW
            shown = [panel.brief(ROWS) for panel in panels(scene.picture, scene.beat.look, statuses=many)]
            fresh = self._news.mark(shown, time.monotonic())
        return Padding(drawing(shown, self._phrases, fresh, commands=1), (0, 0, 0, 2))


def show(console: Console, drawn: RenderableType) -> None:
    """Print something that is drawn in columns; in a pipe without the blanks that fill them up."""
    if console.is_terminal:
        console.print(drawn)
        return
    with console.capture() as captured:
        console.print(drawn)
    console.print("\n".join(line.rstrip() for line in captured.get().splitlines()), soft_wrap=True)


def told(text: str, console: Console) -> Text:
    """Prose as it fits on the console."""
    return Text("\n".join(paragraphs(text, console.width)))


def verdict(outcome: Outcome, texts: Texts, phrases: Texts) -> Sequence[Text]:
    """A claim or gap as it was found, in words and as it can be seen."""
    said = texts(f"{outcome.beat.id}.{outcome.step.id}")
    command = Text(f"    {one_line(outcome.command)}", style="dim")
    if not outcome.held:
        expected, seen = aligned(phrases("demo.expected"), phrases("demo.seen"))
        return (
            Text.assemble(("✗ ", "bold red"), (said, "red")),
            Text(f"    {expected}  {shown(outcome.expected)}"),
            Text(f"    {seen}  {shown(outcome.seen)}", style="red"),
            command,
        )
    if isinstance(outcome.step, Gap):
        closing = phrases("demo.closed_by", stage=outcome.step.closed_by)
        return Text.assemble(("○ ", "bold magenta"), said, "  ", (closing, "magenta")), command
    after = f"  {outcome.seconds:.1f} s" if outcome.seconds >= QUICK else ""
    return Text.assemble(("✓ ", "bold green"), said, (after, "dim")), command
