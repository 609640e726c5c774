"""`dts demo`: a stage at work, told step by step and checked at every step."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from common.cli.exits import Exit

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.console import Console

    from common.cli.pace import Pace
    from common.lab.scenario import Scenario
    from common.lab.stages import StageSpec

LANGUAGES = ("en", "zh-CN")


def complete_stage(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The stages that can be shown."""
    from click.shell_completion import CompletionItem

    from common.lab.stages import load_stages

    return [
        CompletionItem(name, help=spec.title) for name, spec in load_stages().items() if name.startswith(incomplete)
    ]


@click.command(short_help="Watch a stage work, fail and recover; everything said is checked.")
@click.argument("stage", shell_complete=complete_stage)
@click.option("--step", "pace", flag_value="step", help="Wait for a key after each step.")
@click.option("--auto", "pace", flag_value="auto", help="Run through without waiting for readers.")
@click.option(
    "--profile",
    type=click.Choice(["embedded", "real"]),
    default="embedded",
    show_default=True,
    help="embedded: servers that pip can install, else those of this machine. real: those of this machine.",
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language it is told in.  [default: by $LANG]")
@click.pass_context
def demo(ctx: click.Context, stage: str, pace: str | None, profile: str, lang: str | None) -> None:
    """Show STAGE at work: its real processes and servers, broken on purpose and mended.

    Each sentence that claims something is checked against what is really there; a false one ends the demo
    and shows what was expected, what was seen, and the command that shows it to you. The demo has servers,
    ports and a directory of its own; it touches nothing else, and Ctrl-C at any moment leaves nothing behind.

    On a terminal it leaves time to read; any key goes on, q ends it.

    \b
    Examples:
      dts demo 1                     at the pace of a reader
      dts demo 1 --step              a key for each step, for showing it to others
      dts demo 1 --auto | less -R    all of it at once
      dts demo 1 --lang zh-CN

    Exit codes: 0 all of it held · 1 a claim is false, or a member did not start · 2 there is no such stage ·
    5 no server on this machine · 130 Ctrl-C.
    """
    from common.cli.cluster_view import explained
    from common.cli.keyboard import at_keyboard
    from common.lab.texts import language_of

    if pace == "step" and not (at_keyboard() and sys.stdout.isatty()):
        raise click.UsageError("--step waits for keys, and there is no terminal here: use --auto.")
    with explained(), own_settings():
        spec, scenario = scenario_of(stage)
        ctx.exit(_Show(spec, scenario, lang or language_of()).run(profile, pace))


def scenario_of(stage: str) -> "tuple[StageSpec, Scenario]":
    """The stage and its lesson. Raises NoSuchStage, which lists those that there are."""
    from common.lab.errors import NoSuchStage
    from common.lab.stages import stage as stage_of

    spec = stage_of(stage)
    if spec.scenario is None:
        raise NoSuchStage(f"stage {stage} has no lesson")
    return spec, spec.scenario()


class _Show:
    """One run of a demo, from the first word to the last."""

    def __init__(self, spec: "StageSpec", scenario: "Scenario", language: str) -> None:
        from common.lab.texts import load

        self._spec, self._scenario = spec, scenario
        self._texts, self._phrases = load(scenario.texts, language), load("common.cli.phrases", language)
        self._console = console()

    def run(self, profile: str, pace: str | None) -> Exit:
        from common.cli.keyboard import keyboard
        from common.cli.pace import Quit
        from common.lab.worlds import private

        self._introduce(profile)
        begun = time.monotonic()
        with keyboard() as pressed:
            try:
                with private(self._spec, profile, self._scenario.settings, self._starting) as world:
                    held = self._play(world, _pace(pace, pressed))
            except Quit:
                self._say("demo.ended")
                return Exit.OK
        if held is None:
            return Exit.FAILED
        self._sum_up(held, time.monotonic() - begun)
        return Exit.OK

    def _play(self, world: Any, pace: "Pace") -> int | None:
        """Returns how many claims held, None where one did not."""
        from common.cli.narrator import Narrator
        from common.clock import SystemClock
        from common.lab.observer import Observer
        from common.lab.playing import ClaimBroken, Player
        from common.lab.scenario import Claim
        from common.lab.worlds import names_of

        names = names_of(world)
        observer = Observer(world, names)
        if self._console.is_terminal:
            names.show_page = _open
            self._console.print(self._phrases("demo.aside", home=world.home), style="dim", soft_wrap=True)
        narrator = Narrator(self._console, self._scenario, self._texts, self._phrases, pace, observer.look)
        beats = self._scenario.playable({member.role for member in world.members()})
        try:
            outcomes = Player(world, observer, SystemClock(), narrator).play(beats)
            return sum(isinstance(outcome.step, Claim) for outcome in outcomes)
        except ClaimBroken as broken:
            narrator.close()
            self._tell_broken(broken)
            return None
        finally:
            narrator.close()

    def _introduce(self, profile: str) -> None:
        from common.cli.narrator import told

        title = self._phrases("demo.title", number=self._spec.number, title=self._texts("title"))
        self._console.print(title, style="bold")
        self._console.print()
        self._console.print(told(self._texts("intro"), self._console))
        self._console.print()
        settings = [
            self._phrases("demo.setting", name=name, here=here, production=_production(name))
            for name, here in self._scenario.settings.items()
        ]
        self._console.print(told(self._phrases(f"demo.{profile}"), self._console), style="dim")
        short = self._phrases("demo.settings", settings=", ".join(settings))
        self._console.print(told(short, self._console), style="dim")

    def _starting(self, name: str) -> None:
        self._console.print(self._phrases("demo.starting", name=name), style="dim")

    def _tell_broken(self, broken: Any) -> None:
        from common.cli.narrator import verdict

        for line in verdict(broken.outcome, self._texts, self._phrases):
            self._console.print(line, soft_wrap=True)
        self._console.print()
        self._console.print(self._phrases("demo.broken", number=self._spec.number), style="bold red")

    def _sum_up(self, held: int, seconds: float) -> None:
        from common.cli.narrator import show
        from common.cli.summary import summary

        show(self._console, summary(self._spec, self._scenario, self._texts, self._phrases, held, seconds))

    def _say(self, phrase: str) -> None:
        self._console.print(self._phrases(phrase), style="dim")


def console() -> "Console":
    """Where a demo or a check is told: a terminal of any width up to what reads well, or plain text in a pipe."""
    import shutil

    from rich.console import Console

    from common.cli.narrator import WIDEST

    return Console(
        width=min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST),
        force_terminal=sys.stdout.isatty(),
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )


def _open(url: str) -> None:
    """In a browser with a window; one that would take over the terminal is worse than none."""
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        import webbrowser

        webbrowser.open(url)


def _pace(wanted: str | None, pressed: Any) -> "Pace":
    from common.cli.pace import AtOnce, KeyByKey, Reading

    if wanted == "auto" or not sys.stdout.isatty():
        return AtOnce()
    return KeyByKey(pressed) if wanted == "step" else Reading(pressed)


def _production(setting: str) -> str:
    from common.settings import PREFIX, Settings

    value = Settings.model_fields[setting.removeprefix(PREFIX).lower()].get_default(call_default_factory=True)
    return f"{value:g}" if isinstance(value, float) else str(value)


@contextmanager
def own_settings() -> Iterator[None]:
    """A demo has its own settings, whatever is set for the system that its person works with."""
    from common.settings import PREFIX

    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    try:
        yield
    finally:
        os.environ.update(kept)
