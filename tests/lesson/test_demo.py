"""`dts demo` as a person runs it: in a pipe, on a terminal, and with Ctrl-C at the worst moment."""

import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner

from common.cli.root import root
from common.lab.probes.tasks import fields
from common.lab.scenario import Beat, Claim, Scenario
from common.lab.stages import stage
from common.lab.until import until
from tests.lesson.conftest import Dts
from tests.lesson.screen import Screen


def test_in_a_pipe_it_runs_through_and_leaves_nothing(dts: Dts) -> None:
    ended = dts("demo", "1")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    assert "\x1b" not in ended.stdout
    assert "✗" not in ended.stdout
    assert "dts up 1 -d" in ended.stdout
    scenario = _scenario()
    assert ended.stdout.count("  ✓ ") == len(scenario.ledger.holds)
    assert len(re.findall("^✓ ", ended.stdout, re.MULTILINE)) == sum(len(beat.claims) for beat in scenario)
    assert len(re.findall("^○ .* stage 2", ended.stdout, re.MULTILINE)) == len(scenario.ledger.lacks)
    until(lambda: not dts.left_behind(), what="nothing to be left")


def test_it_speaks_chinese_where_the_environment_does_and_knows_no_other_setting(dts: Dts) -> None:
    foreign = {"DTS_NAMESPACE": "mine:", "DTS_REDIS_URL": "redis://127.0.0.1:1/0", "DTS_LEASE": "300"}
    with _started(dts, LANG="zh_CN.UTF-8", **foreign) as demo:
        told = _read_up_to("✓ 命令执行完毕", demo)
    assert told.startswith("第 1 阶段：")
    assert "mine:" not in told
    assert not dts.home.exists()


def test_a_stage_that_there_is_not_is_answered_with_those_that_there_are(dts: Dts) -> None:
    ended = dts("demo", "7")
    assert ended.returncode == 2
    assert "1 (a task pushed into Redis runs)" in ended.stderr


def test_keys_are_not_waited_for_where_there_are_none(dts: Dts) -> None:
    ended = dts("demo", "1", "--step")
    assert ended.returncode == 2
    assert "--auto" in ended.stderr


@pytest.mark.timeout(120)
def test_on_a_terminal_states_are_seen_to_change_and_any_key_goes_on(dts: Dts) -> None:
    with Screen(["demo", "1", "--step"], dts.environment()) as screen:
        for number, beat in enumerate(_scenario(), start=1):
            screen.shows(f"{number}/{len(_scenario().beats)} ")
            if beat.id == "push":
                screen.shows("PENDING → SCHEDULED → RUNNING ")
                screen.shows("PENDING → SCHEDULED → RUNNING → SUCCESS")
            if beat is not _scenario().beats[-1]:
                screen.shows("any key: go on")
                screen.press(" ")
        screen.shows("Now you")
        assert screen.ends() == 0
    until(lambda: not dts.left_behind(), what="nothing to be left")


def test_q_ends_it_and_leaves_nothing(dts: Dts) -> None:
    with Screen(["demo", "1", "--step"], dts.environment()) as screen:
        # Too early for any other key.
        screen.shows("RUNNING")
        screen.press("q")
        screen.shows("Ended.")
        assert screen.ends() == 0
    until(lambda: not dts.left_behind(), what="nothing to be left")


def test_ctrl_c_again_and_again_leaves_nothing_either(dts: Dts) -> None:
    with _started(dts) as demo:
        _read_up_to("task:hello", demo)
        while demo.poll() is None:
            demo.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                demo.wait(0.05)
    until(lambda: not dts.left_behind(), what="nothing to be left", within=15)


def test_a_demo_that_is_killed_leaves_nothing(dts: Dts) -> None:
    with _started(dts) as demo:
        _read_up_to("task:hello", demo)
    until(lambda: not dts.left_behind(), what="nothing to be left", within=15)


def test_a_false_claim_stops_it_with_what_was_expected_and_seen(dts: Dts, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Claim("succeeds", fields("hello", status="FAILED"), within=2.0)
    first, *others = _scenario().beats
    broken = replace(_scenario(), beats=[Beat("push", *first.steps[:-1], wrong, look=first.look), *others])
    spec = replace(stage("1"), scenario=lambda: broken)
    monkeypatch.setattr("common.lab.stages.load_stages", lambda: {"1": spec})
    monkeypatch.setattr("tempfile.tempdir", str(dts.tmp))
    ended = CliRunner().invoke(root, ["demo", "1", "--lang", "en"])
    assert ended.exit_code == 1
    assert re.search(
        r"✗ The command ran and ended well\.\n    expected  status=FAILED\n    seen      status=", ended.output
    )
    assert re.search(r"^    redis-cli -p \d+ HMGET task:hello status$", ended.output, re.MULTILINE)
    assert "2/13" not in ended.output
    assert list(dts.tmp.iterdir()) == []


@contextlib.contextmanager
def _started(dts: Dts, **env: str) -> "Iterator[subprocess.Popen[str]]":
    """A demo, killed at the end of the block."""
    demo = dts.start("demo", "1", "--auto", **env)
    try:
        yield demo
    finally:
        demo.kill()
        demo.communicate()


def _read_up_to(text: str, demo: "subprocess.Popen[str]") -> str:
    assert demo.stdout
    told = ""
    while text not in told:
        line = demo.stdout.readline()
        assert line, f"it ended without saying {text!r}: {told}"
        told += line
    return told


def _scenario() -> Scenario:
    scenario = stage("1").scenario
    assert scenario
    return scenario()
