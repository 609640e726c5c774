"""`dts` itself: its help, how it finds commands, and how every run ends."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from common.cli.exits import Exit
from common.cli.root import SECTIONS, Root, root
from common.domain.errors import (
    BadSetting,
    CorruptTask,
    DtsError,
    DuplicateAgent,
    InvalidTask,
    Unanswered,
    Unavailable,
    UnfitServer,
)

DTS = Path(sys.executable).with_name("dts")


class Entry:
    """An entry point that needs no installed package."""

    dist = None
    value = "elsewhere:command"

    def __init__(self, name: str, loaded: object) -> None:
        self.name = name
        self._loaded = loaded

    def load(self) -> object:
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


@pytest.fixture
def run_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `dts ARGS` where there are the given commands and no others."""

    def run(commands: dict[str, object], *args: str) -> Result:
        entries = {name: Entry(name, loaded) for name, loaded in commands.items()}
        monkeypatch.setattr(Root, "_entries", lambda _: entries)
        return CliRunner().invoke(root, args, prog_name="dts")

    return run


def raising(error: BaseException) -> click.Command:
    def callback() -> None:
        raise error

    return click.Command("act", callback=callback)


def all_commands() -> Iterator[tuple[str, click.Command]]:
    def inside(path: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
        context = click.Context(group, info_name=path)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield f"{path} {name}", command
            if isinstance(command, click.Group):
                yield from inside(f"{path} {name}", command)

    return inside("dts", root)


COMMANDS = dict(all_commands())


def test_help_shows_commands_in_sections_with_examples_and_exit_codes() -> None:
    text = CliRunner().invoke(root, ["--help"], prog_name="dts").stdout
    assert text.index("Tasks:") < text.index("submit") < text.index("cancel") < text.index("Examples:")
    assert "Exit codes:" in text


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_says_in_a_line_what_it_does_and_shows_an_example(path: str) -> None:
    command = COMMANDS[path]
    assert re.match(r"[A-Z].*\.$", command.get_short_help_str(200))
    with click.Context(command, info_name=path) as context:
        shown = command.get_help(context)
    assert "\\b" not in shown
    assert re.search(rf"^ +(?:\S.*)?{path}\b", shown, re.MULTILINE), f"no example in `{path} --help`:\n{shown}"


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from common.cli.root import main\n"
        "sys.argv = ['dts', '--help']\n"
        "try:\n    main()\n"
        "finally:\n    print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Tasks:" in done.stdout
    assert not {"redis", "pydantic", "rich", "psutil", "asyncio", "logging"} & set(done.stderr.split())


def test_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"dts, version \d+\.\d+\.\d+\n", CliRunner().invoke(root, ["--version"]).stdout)


def test_an_unknown_command_is_answered_with_the_nearest_known_one() -> None:
    result = CliRunner().invoke(root, ["submitt", "echo hi"], prog_name="dts")
    assert result.exit_code == Exit.USAGE
    assert "There is no command 'submitt'. Did you mean 'submit'?" in result.stderr


def test_commands_of_other_packages_stand_in_their_own_section(run_with: Callable[..., Result]) -> None:
    text = run_with({"get": raising(DtsError()), "other": raising(DtsError())}, "--help").stdout
    assert text.index("Tasks:") < text.index("get") < text.index("More:") < text.index("other")
    assert "Learn and look" not in text
    assert "Learn and look" in SECTIONS


@pytest.mark.parametrize("loaded", [ImportError("No module named 'elsewhere'"), "no command"])
def test_a_command_that_cannot_be_loaded_hurts_only_itself(run_with: Callable[..., Result], loaded: object) -> None:
    helped = run_with({"get": raising(DtsError()), "other": loaded}, "--help")
    assert helped.exit_code == Exit.OK
    assert re.search(r"other +\(can't be loaded\)", helped.stdout)
    refused = run_with({"other": loaded}, "other", "--some", "thing")
    assert refused.exit_code == Exit.USAGE
    assert refused.stderr.startswith("dts: the command 'other' of elsewhere:command")


ENDINGS: list[tuple[BaseException, Exit, str]] = [
    (InvalidTask("content: must not be empty"), Exit.USAGE, "dts: content: must not be empty."),
    (BadSetting("DTS_SLOTS: input should be greater"), Exit.USAGE, "dts: DTS_SLOTS"),
    (CorruptTask("task 'x' can't be read back"), Exit.USAGE, "redis-cli"),
    (DuplicateAgent("agent-1 lives"), Exit.REFUSED, "agent-1 lives"),
    (UnfitServer("it evicts"), Exit.UNREACHABLE, "it evicts"),
    (Unavailable("Redis is away"), Exit.UNREACHABLE, "`dts up 1 -d` starts it"),
    (Unanswered("Redis is away"), Exit.UNREACHABLE, "It may have been done all the same"),
    (PermissionError(13, "Permission denied", "/x"), Exit.USAGE, "'/x'"),
    (DtsError("text with \x1b[2J"), Exit.USAGE, r"text with \x1b[2J."),
    (KeyboardInterrupt(), Exit.INTERRUPTED, ""),
    (ZeroDivisionError("1/0"), Exit.BUG, "Traceback"),
]


@pytest.mark.parametrize(("error", "code", "said"), ENDINGS, ids=lambda value: type(value).__name__)
def test_each_error_ends_with_its_exit_code_and_a_message(
    run_with: Callable[..., Result], error: BaseException, code: Exit, said: str
) -> None:
    result = run_with({"act": raising(error)}, "act")
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""
    if code is not Exit.BUG:
        assert "Traceback" not in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_further_lines_of_an_error_follow_below_its_first(run_with: Callable[..., Result]) -> None:
    result = run_with({"act": raising(DtsError("agent-1 ended; its log ends:\nline 1\nline\x1b 2"))}, "act")
    assert result.stderr == "dts: agent-1 ended; its log ends:\nline 1\nline\\x1b 2\n"


def test_a_command_chooses_its_exit_code(run_with: Callable[..., Result]) -> None:
    def callback() -> None:
        click.get_current_context().exit(Exit.NOT_FOUND)

    assert run_with({"act": click.Command("act", callback=callback)}, "act").exit_code == Exit.NOT_FOUND


@pytest.mark.parametrize("arguments", [["--help"], ["completion", "bash"], ["submit", "--help"]])
def test_a_reader_that_went_away_ends_it_without_a_word(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([DTS, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (Exit.PIPE_CLOSED, b"")


UNREACHABLE = "list --redis-url redis://127.0.0.1:1"
STREAMS = [
    ("--help >&-", Exit.OK, ""),
    ("--help >/dev/full", Exit.USAGE, "No space left on device"),
    (f"{UNREACHABLE} 2>&-", Exit.UNREACHABLE, ""),
    (f"{UNREACHABLE} 2>/dev/full", Exit.UNREACHABLE, ""),
    ("submit - <&-", Exit.USAGE, "content: must not be empty"),
]


@pytest.mark.parametrize(("words", "code", "said"), STREAMS)
def test_streams_that_are_closed_or_full_break_nothing(words: str, code: Exit, said: str) -> None:
    environ = {**os.environ, "DTS_REDIS_URL": "redis://127.0.0.1:1"}
    done = subprocess.run(["sh", "-c", f"{DTS} {words}"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
