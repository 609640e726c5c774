"""`dts diff`: what a stage changes, seen where it is put together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from common.cli.demo import LANGUAGES, complete_stage
from common.cli.options import json_option

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from common.lab.stages import StageSpec
    from common.lab.texts import Texts
    from common.lab.wiring import Difference

NOTHING = "-"
"""Stands where a stage has no part in a place."""


@click.command(short_help="What one stage changes in another: wires, files, the composition root.")
@click.argument("before", shell_complete=complete_stage)
@click.argument("after", shell_complete=complete_stage)
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language of the headings.  [default: by $LANG]")
@json_option
def diff(before: str, after: str, lang: str | None, as_json: bool) -> None:
    """Show what changes from stage BEFORE to stage AFTER. A stage is put together on one page, its composition root
    (`stageN_*/__main__.py`): whoever knows one, and what is wired otherwise in the other, knows both.

    Three parts: the wires – in which place which part stands, before and after –; the files that are new; and the
    two pages as `diff -u` compares them. In a pipe the rows are tab-separated, under headings that begin with #.
    It only reads the sources that are installed: nothing has to run.

    \b
    Examples:
      dts diff 1 2
      dts diff 1 2 | less
      dts diff 1 2 --json | jq -r '.wires[] | "\\(.place): \\(.before) -> \\(.after)"'

    Exit codes: 0 shown, also where nothing differs · 2 there is no such stage.
    """
    from common.cli.cluster_view import explained
    from common.cli.console import document, on_terminal
    from common.lab.stages import load_stages, stage
    from common.lab.texts import language_of
    from common.lab.wiring import difference

    with explained():
        old, new = stage(before), stage(after)
    found = difference(old, new, list(load_stages().values()))
    if as_json:
        document(_document(old, new, found))
    elif on_terminal():
        _draw(old, new, found, lang or language_of())
    else:
        _print(old, new, found)


def _document(old: "StageSpec", new: "StageSpec", found: "Difference") -> dict[str, Any]:
    return {
        "before": {"stage": old.number, "title": old.title},
        "after": {"stage": new.number, "title": new.title},
        "wires": [
            {"place": wire.place, "before": list(wire.before), "after": list(wire.after)} for wire in found.wires
        ],
        "files": [{"path": file.path, "lines": file.lines, "about": file.about} for file in found.files],
        "diff": "".join(f"{line}\n" for line in found.diff),
    }


def _print(old: "StageSpec", new: "StageSpec", found: "Difference") -> None:
    from common.cli.console import one_line

    click.echo(f"# wires\tstage {old.number}\tstage {new.number}")
    for wire in found.wires:
        click.echo("\t".join((wire.place, *_sides(wire.before, wire.after))))
    click.echo("# files\tlines\tabout")
    for file in found.files:
        click.echo(one_line(file.path) + f"\t{file.lines}\t" + one_line(file.about))
    click.echo("# diff")
    for line in found.diff:
        click.echo(line)


def _draw(old: "StageSpec", new: "StageSpec", found: "Difference", language: str) -> None:
    from rich.rule import Rule
    from rich.text import Text

    from common.cli.demo import console
    from common.lab.texts import load

    def heading(text: str) -> None:
        page.print()
        page.print(Rule(Text(text, style="bold"), align="left", style="cyan"))

    page, phrases = console(), load("common.cli.phrases", language)
    title = load(new.scenario().texts, language)("title") if new.scenario else new.title
    page.print(phrases("diff.title", before=old.number, after=new.number, title=title), style="bold")
    heading(phrases("diff.wires"))
    page.print(_wires(old, new, found, phrases))
    heading(phrases("diff.files", files=len(found.files), lines=sum(file.lines for file in found.files)))
    page.print(_files(found, phrases))
    heading(f"diff -u {old.package}/__main__.py {new.package}/__main__.py")
    for line in found.diff:
        page.print(Text(line, style=_style(line)), soft_wrap=True)


def _wires(old: "StageSpec", new: "StageSpec", found: "Difference", phrases: "Texts") -> "Table":
    grid = _grid(phrases("diff.place"), *(phrases("diff.stage", number=spec.number) for spec in (old, new)))
    for wire in found.wires:
        before, after = _sides(wire.before, wire.after)
        grid.add_row(wire.place, _cell(before, "red"), _cell(after, "green"))
    return grid


def _files(found: "Difference", phrases: "Texts") -> "Table":
    grid = _grid(phrases("diff.file"), phrases("diff.lines"), phrases("diff.about"))
    for file in found.files:
        grid.add_row(file.path, str(file.lines), file.about)
    return grid


def _grid(*columns: str) -> "Table":
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, column in enumerate(columns):
        grid.add_column(column, overflow="fold", no_wrap=place == 0)
    return grid


def _cell(text: str, style: str) -> "Text":
    from rich.text import Text

    return Text(text, style="dim" if text == NOTHING else style)


def _sides(*sides: Sequence[str]) -> list[str]:
    return [", ".join(parts) or NOTHING for parts in sides]


def _style(line: str) -> str:
    for begin, style in (("---", "bold"), ("+++", "bold"), ("@@", "cyan"), ("-", "red"), ("+", "green")):
        if line.startswith(begin):
            return style
    return ""
