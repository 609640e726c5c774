"""What a task sees of its surroundings: variables, directory, descriptors."""

import json
import os
from collections.abc import Mapping
from typing import Any

import pytest

from common.domain.status import Status
from tests.executors.conftest import Start

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def environment(start: Start, environ: Mapping[str, str], *passthrough: str, **spec: Any) -> dict[str, str]:
    attempt = start(SHOW, python=True, settings={"environ": environ, "passthrough": passthrough}, **spec)
    assert attempt.result().status is Status.SUCCESS
    seen: dict[str, str] = json.loads(attempt.log)
    seen.pop("LC_CTYPE", None)  # set by an interpreter that finds no locale
    return seen


def test_of_an_empty_environment_a_task_gets_what_it_needs(start: Start) -> None:
    seen = environment(start, {})
    assert sorted(seen) == [
        "DTS_AGENT",
        "DTS_BOOT",
        "HOME",
        "PATH",
        "TASK_ATTEMPT",
        "TASK_ID",
        "TASK_NAME",
        "TMPDIR",
    ]
    assert "/usr/bin" in seen["PATH"].split(":")


def test_the_marks_of_the_attempt_are_set(start: Start) -> None:
    attempt = start('echo "$TASK_ID $TASK_ATTEMPT $TASK_NAME $DTS_AGENT $DTS_BOOT"', name="hello")
    attempt.result()
    assert attempt.log == f"{attempt.task.task_id} 3 hello agent-1 boot-1\n"


def test_no_setting_or_secret_of_the_agent_reaches_a_task(start: Start) -> None:
    secrets = {"DTS_REDIS_URL": "redis://:secret@host", "AWS_SECRET_ACCESS_KEY": "s", "LD_PRELOAD": "", "TMPDIR": "/x"}
    seen = environment(start, secrets)
    assert not secrets.keys() & (seen.keys() - {"TMPDIR"})
    assert seen["TMPDIR"] != "/x"


def test_language_time_zone_and_home_are_inherited(start: Start) -> None:
    environ = {"HOME": "/home/me", "LANG": "C.UTF-8", "LC_TIME": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
    assert environ.items() <= environment(start, environ).items()


def test_names_that_the_agent_passes_through_are_inherited(start: Start) -> None:
    seen = environment(start, {"PROXY": "p", "OTHER": "o"}, "PROXY", "ABSENT")
    assert seen["PROXY"] == "p"
    assert not {"OTHER", "ABSENT"} & seen.keys()


def test_a_task_may_set_all_but_its_marks(start: Start) -> None:
    own = {"PATH": "/mine", "HOME": "/h", "TMPDIR": "/t", "GREETING": "žluť", "TASK_ID": "forged", "DTS_BOOT": "forged"}
    seen = environment(start, {"PATH": "/usr/bin"}, env=own)
    assert seen["TASK_ID"].startswith("t-")
    assert seen["DTS_BOOT"] == "boot-1"
    for name in ("PATH", "HOME", "TMPDIR", "GREETING"):
        assert seen[name] == own[name]


def test_commands_are_looked_for_in_the_tasks_own_path(start: Start) -> None:
    result = start(["true"], env={"PATH": "/nowhere"}).result()
    assert result.error == "command not found: 'true'; it is in no directory of PATH=/nowhere"


def test_it_runs_in_its_private_directory(start: Start, context: Any) -> None:
    attempt = start("pwd; stat -c %a .; ls -A; echo $TMPDIR; echo $HOME")
    assert attempt.result().status is Status.SUCCESS
    directory = str(context.work_dir / f"{attempt.task.task_id}.3")
    assert attempt.log == f"{directory}\n700\n{directory}\n{directory}\n"


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_directory_is_private_and_usable_whatever_the_umask(start: Start, umask: int) -> None:
    before = os.umask(umask)
    try:
        attempt = start("stat -c %a .")
        attempt.result()
    finally:
        os.umask(before)
    assert attempt.log == "700\n"


def test_it_inherits_no_descriptor_of_the_agent(start: Start, tmp_path: Any) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        attempt = start("import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:4])", python=True)
        attempt.result()
    assert attempt.log == "[0, 1, 2, 3]\n"
