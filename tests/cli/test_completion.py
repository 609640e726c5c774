"""What a shell gets from `dts completion`, and what it then completes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from common.cli.completion import SHELLS
from common.cli.root import root

DTS = Path(sys.executable).with_name("dts")


def completed(line: str) -> list[str]:
    """What bash would offer after `line`."""
    words = line.split(" ")
    environ = {"_DTS_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run([DTS], env={**os.environ, **environ}, capture_output=True, text=True, check=True)
    return [offer.partition(",")[2] for offer in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_asks_dts(shell: str) -> None:
    result = CliRunner().invoke(root, ["completion", shell], prog_name="dts")
    assert result.exit_code == 0
    assert f"_DTS_COMPLETE={shell}_complete" in result.stdout


def test_the_script_for_bash_is_one() -> None:
    bash = shutil.which("bash")
    assert bash
    script = CliRunner().invoke(root, ["completion", "bash"], prog_name="dts").stdout
    subprocess.run([bash, "-n"], input=script, text=True, check=True)


def test_commands_options_and_values_are_completed() -> None:
    assert completed("dts su") == ["submit"]
    assert "--retries" in completed("dts submit --re")
    assert [offer.upper() for offer in completed("dts list --status CAN")] == ["CANCELLED"]
    assert completed("dts completion f") == ["fish"]


def test_an_unknown_shell_is_refused_with_the_known_ones() -> None:
    result = CliRunner().invoke(root, ["completion", "csh"], prog_name="dts")
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr
