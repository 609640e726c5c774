import pytest

from common.domain.result import Reason
from common.domain.status import Status
from tests.executors.conftest import Start


def test_text_is_a_command_line_for_the_shell(start: Start) -> None:
    attempt = start("echo one && echo two | tr a-z A-Z")
    result = attempt.result()
    assert (result.status, result.reason, result.exit_code, result.error) == (Status.SUCCESS, None, 0, "")
    assert attempt.log == "one\nTWO\n"


def test_its_arguments_are_the_shells_positional_ones(start: Start) -> None:
    attempt = start('printf "%s|" "$0" "$@"', args=["a b", "*", ""])
    assert attempt.result().status is Status.SUCCESS
    assert attempt.log == "sh|a b|*||"


def test_a_list_runs_as_it_is_with_the_arguments_appended(start: Start) -> None:
    attempt = start(["printf", "%s|", "$HOME; echo"], args=["*"])
    assert attempt.result().status is Status.SUCCESS
    assert attempt.log == "$HOME; echo|*|"


@pytest.mark.parametrize("code", [1, 3, 125, 255])
def test_an_exit_code_is_a_typed_failure(start: Start, code: int) -> None:
    result = start(f"exit {code}").result()
    assert (result.status, result.reason, result.exit_code) == (Status.FAILED, Reason.EXIT_CODE, code)
    assert result.error == f"exit code {code}"


def test_what_is_printed_on_the_error_stream_is_in_the_log_in_its_place(start: Start) -> None:
    attempt = start("echo 1; echo 2 >&2; echo 3")
    attempt.result()
    assert attempt.log == "1\n2\n3\n"


def test_a_command_that_the_shell_does_not_find_stays_an_exit_code_with_a_hint(start: Start) -> None:
    attempt = start("no-such-command-here")
    result = attempt.result()
    assert (result.reason, result.exit_code) == (Reason.EXIT_CODE, 127)
    assert "did not find a command" in result.error
    assert "no-such-command-here" in attempt.log


def test_a_command_that_the_shell_can_not_execute_gets_a_hint_too(start: Start) -> None:
    result = start("echo : > tool; ./tool").result()
    assert (result.reason, result.exit_code) == (Reason.EXIT_CODE, 126)
    assert "the x right" in result.error


def test_a_command_in_the_shell_that_a_signal_ended_is_named(start: Start) -> None:
    result = start("sh -c 'kill -SEGV $$'; exit $?").result()
    assert (result.reason, result.exit_code) == (Reason.EXIT_CODE, 139)
    assert "SIGSEGV" in result.error


def test_a_list_is_not_explained_by_a_shell(start: Start) -> None:
    assert start(["sh", "-c", "exit 127"]).result().error == "exit code 127"
