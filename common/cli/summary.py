"""The end of a demo: what held, what is still missing, and what to try now."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from common.lab.scenario import Scenario
from common.lab.stages import StageSpec
from common.lab.texts import Texts


def summary(
    spec: StageSpec, scenario: Scenario, texts: Texts, phrases: Texts, claims: int, seconds: float
) -> RenderableType:
    """All of it, to be printed when the servers are gone."""
    return Group(*_parts(spec, scenario, texts, phrases, claims, seconds))


def _parts(
    spec: StageSpec, scenario: Scenario, texts: Texts, phrases: Texts, claims: int, seconds: float
) -> Iterator[RenderableType]:
    yield Text()
    yield Rule(Text(phrases("demo.summary"), style="bold"), align="left", style="cyan")
    yield Text(phrases("demo.held", claims=claims, seconds=seconds), style="green")
    yield Text()
    yield Text(phrases("demo.holds", number=spec.number), style="bold")
    yield _list(("✓", "green", texts(f"ledger.{name}"), "") for name in scenario.ledger.holds)
    yield Text()
    if scenario.ledger.lacks:
        yield Text(phrases("demo.lacks", number=spec.number), style="bold")
        yield _list(
            ("○", "magenta", texts(f"ledger.{name}"), phrases("demo.brought_by", stage=stage))
            for name, stage in scenario.ledger.lacks.items()
        )
        yield Text()
    yield Text(phrases("demo.next"), style="bold")
    for command in scenario.next_commands:
        yield Text(f"  {command}", overflow="fold")
    yield Text()
    yield Text(phrases("demo.ended"), style="dim")


def _list(rows: Iterator[tuple[str, str, str, str]]) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column()
    grid.add_column(overflow="fold")
    grid.add_column(no_wrap=True)
    for sign, style, text, aside in rows:
        grid.add_row(Text(f"  {sign}", style=style), Text(text), Text(aside, style=style))
    return grid
