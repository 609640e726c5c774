import sys

import pytest

from common.domain.result import Reason
from common.domain.status import Status
from tests.executors.conftest import Start


def test_a_script_runs_with_its_arguments(start: Start) -> None:
    attempt = start("import sys\nprint(sys.argv[1:])", python=True, args=["a b", "--flag"])
    assert attempt.result().status is Status.SUCCESS
    assert attempt.log == "['a b', '--flag']\n"


def test_it_runs_by_the_agents_own_interpreter(start: Start) -> None:
    attempt = start("import sys\nprint(sys.executable)", python=True)
    attempt.result()
    assert attempt.log.strip() == sys.executable


def test_another_interpreter_may_be_named(start: Start) -> None:
    result = start("pass", python=True, settings={"python": "/no/such/python"}).result()
    assert result.reason is Reason.SPAWN_ERROR
    assert "/no/such/python" in result.error


def test_its_exit_code_counts(start: Start) -> None:
    result = start("raise SystemExit(7)", python=True).result()
    assert (result.status, result.reason, result.exit_code) == (Status.FAILED, Reason.EXIT_CODE, 7)


def test_a_traceback_shows_the_line_of_the_script(start: Start) -> None:
    attempt = start("def half(x):\n    return 1 / x  # the culprit\n\nhalf(0)\n", python=True)
    assert attempt.result().exit_code == 1
    assert "script.py" in attempt.log
    assert "return 1 / x  # the culprit" in attempt.log
    assert "ZeroDivisionError" in attempt.log


def test_what_it_prints_is_seen_while_it_runs(start: Start) -> None:
    attempt = start("import time\nprint('begun')\ntime.sleep(60)", python=True)
    attempt.printed("begun")
    attempt.cancel()
    assert attempt.result().status is Status.CANCELLED


def test_it_prints_utf8_whatever_the_agents_locale_is(start: Start) -> None:
    attempt = start("print('žluťoučký €')", python=True, env={"LC_ALL": "POSIX"})
    assert attempt.result().status is Status.SUCCESS
    assert attempt.log == "žluťoučký €\n"


def test_nothing_of_the_agents_python_environment_reaches_it(start: Start) -> None:
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/agent", "VIRTUAL_ENV": "/agent", "PYTHONHOME": "/agent"}
    attempt = start(
        "import os, sys\nprint([n for n in os.environ if 'PYTHON' in n or 'VENV' in n], '/agent' in sys.path)",
        python=True,
        settings={"environ": environ},
    )
    assert attempt.result().status is Status.SUCCESS
    assert attempt.log == "[] False\n"


def test_its_own_environment_may_set_a_python_path(start: Start) -> None:
    attempt = start("import sys\nprint('/mine' in sys.path)", python=True, env={"PYTHONPATH": "/mine"})
    attempt.result()
    assert attempt.log == "True\n"


def test_a_list_is_no_script(start: Start) -> None:
    result = start(["print(1)"], python=True).result()
    assert result.reason is Reason.SPAWN_ERROR
    assert "not a list" in result.error


@pytest.mark.parametrize("script", ["print(", "\tx", "# coding: latin-9\nprint('ok'"])
def test_a_script_that_is_no_python_fails_with_a_word_about_it(start: Start, script: str) -> None:
    attempt = start(script, python=True)
    assert attempt.result().exit_code == 1
    assert "Error" in attempt.log
