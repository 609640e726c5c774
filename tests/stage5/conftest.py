"""Fixtures of stage 5: the programs of Prometheus."""

from collections.abc import Callable
from pathlib import Path

import pytest

from common.lab.errors import MissingServer
from stage5_ops.monitoring.programs import program
from tests.conftest import give_up

ProgramOf = Callable[[str], Path]


@pytest.fixture(scope="session")
def program_of() -> ProgramOf:
    """Gives one of prometheus, promtool, alertmanager, amtool."""

    def find(name: str) -> Path:
        try:
            return program(name)
        except MissingServer as error:
            give_up(error)

    return find
