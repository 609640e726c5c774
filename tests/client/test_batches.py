"""Many tasks at once: as few requests as the API takes, however large the tasks are."""

from contextlib import ExitStack

import pytest

from common.client import Client, Refused
from common.domain.status import Answer
from common.domain.task import Submission
from tests.client.yard import Yard

LARGE = 900_000


def wishes(count: int, size: int) -> list[Submission]:
    return [Submission(content=f"true #{'x' * size}", request_id=f"r{number}") for number in range(count)]


def test_tasks_that_are_too_much_for_one_request_go_in_several(client: Client) -> None:
    made = client.submit_all(wishes(20, LARGE))
    assert [one.answer for one in made] == [Answer.OK] * 20
    assert [client.task(one.task_id).request_id for one in made] == [f"r{number}" for number in range(20)]


def test_an_api_that_takes_less_gets_less() -> None:
    with ExitStack() as at_the_end:
        yard = Yard(at_the_end, api_body=10_000)
        with Client(yard.url) as client:
            made = client.submit_all(wishes(25, 1000))
            assert [client.task(one.task_id).request_id for one in made] == [f"r{number}" for number in range(25)]
            with pytest.raises(Refused) as told:
                client.submit_all(wishes(3, 20_000))
    assert told.value.code == "TOO_LARGE"
