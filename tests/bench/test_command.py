"""`dts bench` on the command line: what it measures, prints and answers, with the measuring itself left out."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from common.bench import machine, plan
from common.bench.figures import Figure, Sheet
from common.bench.plan import Plan, Progress
from common.cli.root import root
from common.lab.servers import redis as servers
from common.lab.until import NotYet

Run = Callable[..., Result]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch, figure: Callable[..., Figure]) -> list[Plan]:
    """Every plan that is carried out; each gives one quiet figure and one that others disturbed."""
    carried_out: list[Plan] = []

    def carry_out(asked: Plan, progress: Progress) -> Sheet:
        progress("drain", 1, 1, 2)
        carried_out.append(asked)
        return Sheet({}, asked.rounds, [figure(), figure(id="kill.p50", section="kill", unit="ms", others=1.0)])

    monkeypatch.setattr(plan, "carry_out", carry_out)
    return carried_out


@pytest.fixture
def run() -> Run:
    return lambda *words: CliRunner().invoke(root, ["bench", *words])


def test_everything_is_measured_three_times_where_nothing_else_is_asked(run: Run, plans: list[Plan]) -> None:
    assert run().exit_code == 0
    (carried_out,) = plans
    assert tuple(carried_out.sections) == tuple(plan.SECTIONS)
    assert (carried_out.rounds, carried_out.place.profile) == (3, "embedded")
    assert [carried_out.size(name) for name in plan.SECTIONS] == [one.tasks for one in plan.SECTIONS.values()]


def test_a_quick_run_takes_one_round_on_few_tasks(run: Run, plans: list[Plan]) -> None:
    run("--quick")
    assert plans[0].rounds == 1
    assert [plans[0].size(name) for name in plan.SECTIONS] == [one.quick for one in plan.SECTIONS.values()]


def test_what_is_asked_goes_before_what_is_usual(run: Run, plans: list[Plan]) -> None:
    run("kill", "drain", "--quick", "--rounds", "5", "--tasks", "7", "--profile", "real", "--stage", "1")
    (carried_out,) = plans
    assert list(carried_out.sections) == ["drain", "kill"], "in their own order, whatever the order they are named in"
    assert (carried_out.rounds, carried_out.size("drain"), carried_out.place.profile) == (5, 7, "real")
    assert carried_out.place.stage.number == 1


@pytest.mark.usefixtures("plans")
def test_a_pipe_gets_a_row_for_each_figure_and_a_person_the_warning(run: Run) -> None:
    ended = run()
    assert [row.split("\t")[:5] for row in ended.stdout.splitlines()] == [
        ["drain", "200 tasks/s", "100–300", "400", "50%"],
        ["kill.p50", "200 ms", "100–300", "400", "0.5 ×"],
    ]
    assert "This machine was not quiet" in ended.stderr
    assert ended.stderr.rstrip().endswith("beside kill.p50")


@pytest.mark.usefixtures("plans")
def test_programs_get_one_document(run: Run) -> None:
    assert [figure["id"] for figure in json.loads(run("--json").stdout)["figures"]] == ["drain", "kill.p50"]


@pytest.mark.usefixtures("plans")
def test_a_report_is_written_where_it_is_wanted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bench.html"
    assert str(path) in run("--report", str(path)).stderr
    assert path.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("words", [("fly",), ("--rounds", "0"), ("--tasks", "1"), ("--stage", "99")])
def test_what_can_not_be_measured_is_refused(run: Run, plans: list[Plan], words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
    assert plans == []


@pytest.mark.parametrize("error", [NotYet("waited 60 s for more than 3 of 4 tasks"), RuntimeError("2 survived")])
def test_a_system_that_does_not_do_its_work_is_a_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def carry_out(*_: object) -> Sheet:
        raise error

    monkeypatch.setattr(plan, "carry_out", carry_out)
    ended = run()
    assert ended.exit_code == 1
    assert str(error) in ended.stderr


def test_a_machine_without_the_server_is_told_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "path_binary", lambda: None)
    ended = run("bulk", "--profile", "real", "--quick")
    assert ended.exit_code == 5
    assert "apt-get install redis-server" in ended.stderr


def test_only_what_is_neither_ours_nor_our_descendants_counts_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, own, clock = iter([100.0, 104.0]), iter([50.0, 51.0]), iter([0.0, 2.0])
    monkeypatch.setattr("common.bench.machine.time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(machine, "_busy", lambda: next(busy))
    monkeypatch.setattr(machine, "_own", lambda: next(own))
    with machine.watched() as others:
        pass
    assert others.cores == pytest.approx(1.5)
