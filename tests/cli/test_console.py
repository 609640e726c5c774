"""What is printed is harmless, whatever a task says of itself."""

import contextlib
import io
import json
import sys
from collections.abc import Callable

import pytest

from common.cli import console
from common.cli.console import Cell

HOSTILE = "\x1b[31mred\x1b[0m [bold]b[/] \x07\t\u202eevil\x9b1m\udcff\r\nend"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _wide_colourful_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")


def on_a_terminal(show: Callable[[], None]) -> str:
    with contextlib.redirect_stdout(Terminal()) as screen:
        show()
    return screen.getvalue()


def test_control_characters_become_visible_escapes() -> None:
    assert console.one_line(HOSTILE) == (r"\x1b[31mred\x1b[0m [bold]b[/] \x07\t\u202eevil\x9b1m\xff\r\nend")


def test_many_lines_keeps_line_ends_and_tabs_alone() -> None:
    assert console.many_lines("a\tb\nc\x1b\r") == "a\tb\nc\\x1b\\r"


def test_text_in_any_language_stays_as_it_is() -> None:
    assert console.one_line("任务 – übung 👩‍🚀") == "任务 – übung 👩‍🚀"


def test_a_table_in_a_pipe_has_one_line_a_row_and_tabs_between_columns(capsys: pytest.CaptureFixture[str]) -> None:
    console.table(("id", "when"), [("a\tb", Cell("3 s ago", plain="2026-11-07T00:00:00Z")), ("c\nd", "")])
    assert capsys.readouterr().out == "a\\tb\t2026-11-07T00:00:00Z\nc\\nd\t\n"


def test_details_in_a_pipe_are_name_tab_value(capsys: pytest.CaptureFixture[str]) -> None:
    console.details([("name", "x"), ("result", "two\nlines\n")])
    assert capsys.readouterr().out == "name\tx\nresult\ttwo\\nlines\\n\n"


def failed_row() -> None:
    console.table(("task id", "status"), [("t1", console.status_cell("FAILED"))])


def test_a_table_on_a_terminal_has_headings_and_colours() -> None:
    heading, row = on_a_terminal(failed_row).splitlines()
    assert "TASK ID" in heading
    assert "\x1b[1;31mFAILED" in row


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in on_a_terminal(failed_row)
    assert not console.colour_wanted(Terminal())


def test_nothing_hostile_reaches_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")

    def show() -> None:
        console.table(("name",), [(HOSTILE,)])
        console.details([("result", HOSTILE)])

    shown = on_a_terminal(show)
    assert shown.count("[bold]b[/]") == 2
    assert not {*"\x1b\x07\u202e\x9b\r"} & set(shown)


def test_only_elastic_columns_give_way_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    row = on_a_terminal(lambda: console.table(("id", "name"), [("0" * 26, "n" * 100)], elastic=["name"])).splitlines()[
        1
    ]
    assert "0" * 26 in row
    assert "n…" in row


def test_a_document_is_one_json_value_without_raw_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    console.document({"name": HOSTILE, "zh": "任务"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"name": HOSTILE.replace("\udcff", "\ufffd"), "zh": "任务"}
    assert "任务" in text
    assert not {*"\x1b\x07\u202e\x9b\r\x7f"} & set(text)


def test_a_document_can_be_printed_where_the_encoding_is_poor(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    console.document({"zh": "任务é"})
    assert json.loads(raw.getvalue()) == {"zh": "任务é"}
