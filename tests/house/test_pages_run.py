"""Every command that a page tells to type is typed here, and prints what the page says."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common.lab.until import until
from tests.house.pages import ROOT
from tests.house.shell import Shell, Typed, excerpts_on, typed_on


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "docs/quick-start.md",
        "docs/cookbook.md",
        "docs/logging.md",
        "stage1_mvp/README.md",
        "stage2_zk/README.md",
        "stage3_kafka/README.md",
        "stage4_api/README.md",
        "stage5_ops/README.md",
    ],
)
def test_what_a_page_tells_to_type_prints_what_it_says(
    name: str, tmp_path: Path, binary_of: Callable[[str], Path]
) -> None:
    binary_of("real")
    assert shutil.which("redis-cli"), "Debian's redis-server brings redis-cli"
    with Shell(tmp_path, _environment()) as shell:
        # On a terminal redis-cli shows types; it looks at its input, which here is none.
        shell.run('redis-cli() { command redis-cli --no-raw "$@"; }')
        try:
            for typed in typed_on(ROOT / name):
                _check(shell, typed)
        finally:
            shell.run("dts down")


@pytest.mark.timeout(300)
def test_what_the_readme_shows_of_the_demo_is_what_it_prints(tmp_path: Path, binary_of: Callable[[str], Path]) -> None:
    binary_of("embedded")
    excerpts = list(excerpts_on(ROOT / "README.md"))
    assert excerpts
    for excerpt in excerpts:
        with Shell(tmp_path, _environment()) as shell:
            printed = shell.run(excerpt.command, within=60)
        missing = excerpt.missing_from(printed)
        assert not missing, f"not there, or not in its place: {missing!r}\n$ {excerpt.command}\n{printed}"


def _check(shell: Shell, typed: Typed) -> None:
    seen = shell.run(typed.command)
    if not typed.fits(seen) and typed.only_looks:

        def looks_right() -> bool:
            nonlocal seen
            seen = shell.run(typed.command)
            return typed.fits(seen)

        until(looks_right, within=60, every=0.1, what=f"{typed.command!r} to print {typed.printed!r}")
    assert typed.fits(seen), f"$ {typed.command}\n--- the page says\n{typed.printed}\n--- it printed\n{seen}"


def _environment() -> dict[str, str]:
    # Whoever runs several tests at once tells them a width of its own.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DTS_") and name != "COLUMNS"}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}
