"""What tests of the client library share."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from common.client import Client
from tests.client.yard import Yard


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DTS_API_URL", "DTS_API_TOKEN", "DTS_API_TOKENS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def yard() -> Iterator[Yard]:
    with ExitStack() as at_the_end:
        yield Yard(at_the_end)


@pytest.fixture
def client(yard: Yard) -> Iterator[Client]:
    with Client(yard.url) as client:
        yield client
