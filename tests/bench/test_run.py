"""A whole run of `dts bench` measures everything it names, and leaves nothing behind."""

from common.bench.plan import SECTIONS
from common.cli import bench
from tests.bench.conftest import Ran


def test_every_figure_of_every_section_is_measured_with_its_floor(ran: Ran) -> None:
    figures = ran.record["figures"]
    assert [figure["id"] for figure in figures] == [name for section in SECTIONS.values() for name in section.figures]
    for figure in figures:
        for series in (figure["dts"], figure["floor"]):
            assert len(series["runs"]) == ran.record["rounds"] == 1
            assert series["low"] == series["median"] == series["high"] == series["runs"][0] > 0
        assert figure["ratio"] == figure["dts"]["median"] / figure["floor"]["median"]
        assert figure["unit"] in {"tasks/s", "ms"}
        assert figure["floor"]["title"]


def test_programs_are_told_where_it_was_measured_and_whether_it_was_quiet_there(ran: Ran) -> None:
    assert ran.record["schema"] == 1
    assert {"dts", "python", "server", "system", "processor", "cores", "measuredAt"} <= ran.record["machine"].keys()
    assert ran.record["quiet"] == all(figure["quiet"] for figure in ran.record["figures"])
    assert all(figure["quiet"] == (figure["othersCores"] <= 0.35) for figure in ran.record["figures"])


def test_nothing_is_left_of_its_systems(ran: Ran) -> None:
    assert list(ran.folder.iterdir()) == []


def test_the_command_names_the_sections_that_there_are() -> None:
    assert tuple(SECTIONS) == bench.SECTIONS
