"""Lines of log in both formats: one event a line, whatever is said in it; nothing that is secret."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator

import pytest

from common import logs
from common.lab.log_lines import LogLine, events, read, readable
from common.log_formats import LONGEST, JsonLine, TextLine
from common.logs import Speaker, about, answering, steps
from common.settings import Settings

HOSTILE = 'a\nb\r\x1b[2J\0\x7f\x9b\u2028\u202e\ud800 "quoted" \\ 任务'
SECRETS = ["s3cret-rpc", 's3cret-"quoted"\\']
OWN = {"role": "agent", "member": "agent-1", "pid": 17, "host": "here"}

Say = Callable[..., str]
log = logging.getLogger("dts.tested")


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Where lines go, by the formatter of the test's `form`."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    monkeypatch.setattr(log, "propagate", False)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield stream
    log.removeHandler(handler)


@pytest.fixture(params=["text", "json"])
def said(request: pytest.FixtureRequest, out: io.StringIO) -> Callable[[], list[str]]:
    """The lines so far, in each format."""
    form = TextLine(SECRETS) if request.param == "text" else JsonLine(OWN, SECRETS)
    log.handlers[0].setFormatter(form)
    return lambda: out.getvalue().split("\n")[:-1]


@pytest.fixture
def objects(out: io.StringIO) -> Callable[[], list[dict[str, object]]]:
    """What was said so far, in JSON."""
    log.handlers[0].setFormatter(JsonLine(OWN, SECRETS))
    return lambda: [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_is_one_object_that_says_who_and_what_about(objects: Callable[[], list[dict[str, object]]]) -> None:
    log.info("ended %s", "SUCCESS", extra={"task_id": "t-1", "attempt": 2, "agent": "agent-1", "boot": "b", "epoch": 7})
    (line,) = objects()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line.pop("time")))
    assert line == {
        "level": "info",
        "logger": "dts.tested",
        "event": "ended SUCCESS",
        **OWN,
        "task_id": "t-1",
        "attempt": 2,
        "agent": "agent-1",
        "boot": "b",
        "epoch": 7,
    }


def test_what_is_no_field_of_ours_is_left_out(said: Callable[[], list[str]]) -> None:
    log.info("started", extra={"content": "echo s3cret", "task_id": "t-1"})
    assert "s3cret" not in said()[0]


def test_no_character_ends_a_line_or_moves_a_cursor(said: Callable[[], list[str]]) -> None:
    log.warning("said: %s", HOSTILE, extra={"task_id": HOSTILE})
    (line,) = said()
    assert line.isprintable()
    assert len(line.splitlines()) == 1


def test_json_tells_what_was_said_to_the_letter(objects: Callable[[], list[dict[str, object]]]) -> None:
    log.warning("said: %s", HOSTILE)
    assert objects()[0]["event"] == f"said: {HOSTILE}"


def test_a_stack_stands_in_the_object_of_its_event(objects: Callable[[], list[dict[str, object]]]) -> None:
    try:
        raise ValueError("red \x1b[31m\nand a second line")
    except ValueError:
        log.exception("step failed")
    (line,) = objects()
    assert str(line["exception"]).startswith("Traceback (most recent call last):\n")
    assert str(line["exception"]).endswith("ValueError: red \x1b[31m\nand a second line")


def test_of_what_is_too_long_the_telling_part_is_kept(objects: Callable[[], list[dict[str, object]]]) -> None:
    try:
        raise ValueError("x" * 3 * LONGEST + " the end")
    except ValueError:
        log.exception("begin %s", "y" * 3 * LONGEST)
    (line,) = objects()
    assert str(line["event"]).startswith("begin yyy")
    assert str(line["exception"]).endswith("xxx the end")
    assert len(json.dumps(line)) < 3 * LONGEST


@pytest.mark.parametrize("form", [TextLine(), JsonLine(OWN)], ids=["text", "json"])
def test_a_librarys_mistake_in_logging_is_still_a_line(form: logging.Formatter) -> None:
    line = form.format(logging.LogRecord("library", logging.INFO, "", 1, "%d of %s", ("three",), None))
    assert "%d of %s" in line
    assert "three" in line


def test_a_secret_is_never_written_wherever_it_stands(said: Callable[[], list[str]]) -> None:
    try:
        raise ValueError(f"refused: {SECRETS[0]}")
    except ValueError:
        log.exception("asked with %s and %s", *SECRETS, extra={"task_id": SECRETS[0]})
    log.info(
        "Redis is at redis://user:pa55@host:1 or redis://:pa55@host or redis+sentinel://h/m?sentinel_password=pa55"
    )
    text = "\n".join(said())
    assert "s3cret" not in text
    assert "pa55" not in text
    assert "redis://user:***@host:1" in text


def test_settings_know_what_of_them_is_secret() -> None:
    known = Settings.load(
        {
            "DTS_RPC_SECRET": "hidden-1",
            "DTS_API_TOKEN": "hidden-2",
            "DTS_REDIS_URL": "redis://user:hidden%2D3@127.0.0.1:6379/0?password=hidden-4",
            "DTS_ZOOKEEPER_AUTH": "user:hidden-5",
            "DTS_API": "shown",
        }
    )
    assert set(known.secrets()) == {
        "hidden-1",
        "hidden-2",
        "hidden%2D3",
        "hidden-3",
        "hidden-4",
        "user:hidden-5",
        "hidden-5",
    }


def test_what_is_said_for_a_request_tells_its_id(objects: Callable[[], list[dict[str, object]]]) -> None:
    with answering("r-1"):
        log.info("submitted")
    log.info("waiting")
    first, second = objects()
    assert first["request_id"] == "r-1"
    assert "request_id" not in second


def test_each_outcome_of_a_batch_is_one_line_with_all_its_tasks(said: Callable[[], list[str]]) -> None:
    steps(log, "applied", [("SUCCESS", "a", 1), ("FAILED", "b", 2), ("SUCCESS", "c", 0)], agent="agent-1")
    found = list(events(said()))
    assert [line.event for line in found] == ["applied: SUCCESS", "applied: FAILED"]
    assert found[0].fields["tasks"] == ["a/1", "c"]
    assert (found[1].fields["task_id"], found[1].attempt_of("b")) == ("b", 2)
    assert all(line.fields["agent"] == "agent-1" for line in found)


def test_a_batch_costs_nothing_below_the_level() -> None:
    steps(log, "applied", (pytest.fail("it was looked at") for _ in "x"), logging.DEBUG)


def test_a_line_is_read_back_as_it_was_said(said: Callable[[], list[str]]) -> None:
    try:
        raise ValueError("told")
    except ValueError:
        log.exception("failed: a=b task_id=", extra=about([("t.1", 3), ("t-2", 1)], agent="agent-1", epoch=4))
    log.info("next")
    first, second = events([*said(), "what a library printed", "{no json", '{"time":1}', '[{"event":"x"}]'])
    assert (first.level, first.logger, first.event) == ("error", "dts.tested", "failed: a=b task_id=")
    assert (first.attempt_of("t.1"), first.attempt_of("t-2"), first.attempt_of("t.2")) == (3, 1, 0)
    assert first.exception.endswith("ValueError: told")
    assert second.event == "next"


def test_people_read_json_as_text(objects: Callable[[], list[dict[str, object]]], out: io.StringIO) -> None:
    log.info("ended SUCCESS", extra=about([("a", 1), ("b", 1)], agent="agent-1"))
    objects()
    line = readable(out.getvalue().rstrip("\n"))
    assert re.fullmatch(r"\S+Z INFO dts.tested ended SUCCESS agent=agent-1 tasks=a/1,b/1", line)
    assert readable("what a library printed") == "what a library printed"


def test_a_line_whose_fields_are_of_other_types_is_no_trouble() -> None:
    line = read('{"time":1,"event":[2],"member":{"a":1},"tasks":"no list","attempt":"x","task_id":"t"}')
    assert isinstance(line, LogLine)
    assert (line.event, line.attempt_of("t")) == ("[2]", 0)
    assert read("{" * 100_000) is None


def test_the_format_is_as_asked_for_else_as_usual_and_text_where_a_person_looks_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert logs.form_of(None, "json") == "json"
    assert logs.form_of("text", "json") == "text"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert logs.form_of(None, "json") == "text"
    assert logs.form_of("json", "text") == "json"


def test_a_terminal_shows_levels_in_colour_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    for no_color, coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setenv("TERM", "xterm")
        screen = Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        logs.to_stderr("info", "text", Speaker())
        root.warning("look")
        assert ("\x1b[33mWARNING\x1b[0m root look" in screen.getvalue()) is coloured
