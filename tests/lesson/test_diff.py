"""`dts diff` tells what a stage changes, out of the sources alone."""

import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from common.cli.root import root
from common.lab.stages import StageSpec, stage

FIRST = '''
"""The first root."""
from common.clock import SystemClock
from common.store.keys import Keys
from common.store.tasks import TaskStore as Store
from stage1_mvp.inbox import SelfAssign
from stage1_mvp.scans import Recover, recovered


def compose():
    clock, keys = SystemClock(), Keys("")
    inbox = SelfAssign(Store(None, keys))
    return [inbox, Recover(inbox, replay=Store(None))]
'''
SECOND = '''
"""The second root."""
from common import logs
from common.clock import SystemClock
from common.domain.errors import BadSetting
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore as Store
from stage1_mvp.intake import decode
from stage92_made.inbox import Given, given


def compose():
    if not given():
        raise BadSetting("nothing")
    clock, keys = SystemClock(), Keys("")
    inbox = Given(Store(None, keys))
    leases = Leases(None, keys) if keys else given()
    return [inbox, logs, decode(b"", replay=leases)]
'''
STAGE = """
from common.lab.stages import StageSpec


def members(sizes):
    return ()


STAGE = StageSpec({number}, "made for a test", members)
"""


STAGE_1 = stage("1")


@pytest.fixture
def diff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """`dts diff` where stages 91 and 92 are there too."""
    for number, source in ((91, FIRST), (92, SECOND)):
        package = tmp_path / f"stage{number}_made"
        package.mkdir()
        (package / "__init__.py").write_text('"""Made for a test."""\n')
        (package / "__main__.py").write_text(source.lstrip())
        (package / "stage.py").write_text(STAGE.format(number=number))
    (tmp_path / "stage92_made" / "inbox.py").write_text('"""Tasks that \x1b[2J somebody gives.\n\nAnd more."""\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    invalidate_caches()
    made: dict[str, StageSpec] = {str(n): import_module(f"stage{n}_made.stage").STAGE for n in (91, 92)}
    monkeypatch.setattr("common.lab.stages.load_stages", lambda: {"1": STAGE_1, **made})
    yield lambda *words: CliRunner().invoke(root, ["diff", *words])
    for name in [name for name in sys.modules if name.startswith(("stage91_made", "stage92_made"))]:
        del sys.modules[name]


def test_parts_are_told_by_the_place_in_which_they_stand(diff: Callable[..., Result]) -> None:
    document = json.loads(diff("91", "92", "--json").stdout)
    assert document["wires"] == [
        {"place": "inbox", "before": ["SelfAssign"], "after": ["Given"]},
        {"place": "leases", "before": [], "after": ["Leases", "given"]},
        {"place": "Recover", "before": ["Recover"], "after": []},
        {"place": "replay", "before": ["Store"], "after": []},
    ]


def test_new_files_are_those_of_the_stage_and_those_that_its_root_newly_takes(diff: Callable[..., Result]) -> None:
    document = json.loads(diff("91", "92", "--json").stdout)
    assert [file["path"] for file in document["files"]] == [
        *(f"stage92_made/{name}.py" for name in ("__main__", "inbox", "stage")),
        *("common/domain/errors.py", "common/logs.py", "common/store/leases.py"),
    ]
    assert document["files"][1] == {
        "path": "stage92_made/inbox.py",
        "lines": 3,
        "about": "Tasks that \x1b[2J somebody gives.",
    }


def test_the_two_roots_are_compared_line_by_line(diff: Callable[..., Result]) -> None:
    shown = diff("91", "92").stdout
    _, _, lines = shown.partition("# diff\n")
    assert lines.startswith("--- stage91_made/__main__.py\n+++ stage92_made/__main__.py\n@@")
    assert "\n-    inbox = SelfAssign(Store(None, keys))\n" in lines
    assert "\n+    inbox = Given(Store(None, keys))\n" in lines


def test_a_pipe_gets_rows_with_tabs_and_nothing_that_could_do_harm(diff: Callable[..., Result]) -> None:
    shown = diff("91", "92").stdout.splitlines()
    assert shown[0] == "# wires\tstage 91\tstage 92"
    assert "inbox\tSelfAssign\tGiven" in shown
    assert "Recover\tRecover\t-" in shown
    assert r"stage92_made/inbox.py	3	Tasks that \x1b[2J somebody gives." in shown


def test_any_two_stages_can_be_compared_also_backwards_and_one_with_itself(diff: Callable[..., Result]) -> None:
    assert diff("1", "92").exit_code == 0
    assert "inbox\tGiven\tSelfAssign" in diff("92", "91").stdout.splitlines()
    assert diff("1", "1").stdout.splitlines() == ["# wires\tstage 1\tstage 1", "# files\tlines\tabout", "# diff"]


def test_a_stage_that_there_is_not_is_answered_with_those_that_there_are(diff: Callable[..., Result]) -> None:
    ended = diff("1", "7")
    assert ended.exit_code == 2
    assert "92 (made for a test)" in ended.output
