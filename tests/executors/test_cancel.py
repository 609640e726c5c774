import select
import threading

import pytest

from common.domain.result import Reason
from common.executors.cancel import CancelToken
from tests.executors.conftest import open_descriptors


def readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def test_the_first_reason_stays() -> None:
    token = CancelToken()
    assert (token.is_set(), token.reason) == (False, "")
    token.set(Reason.CANCELLED)
    token.set(Reason.AGENT_STOPPED)
    assert (token.is_set(), token.reason) == (True, "CANCELLED")


def test_its_descriptor_becomes_readable_when_it_is_set_and_stays_so() -> None:
    token = CancelToken()
    fd = token.fileno()
    assert fd == token.fileno()
    assert not readable(fd)
    token.set(Reason.CANCELLED)
    assert readable(fd)
    assert readable(fd)
    token.close()


def test_a_descriptor_asked_for_after_it_was_set_is_readable() -> None:
    token = CancelToken()
    token.set(Reason.CANCELLED)
    assert readable(token.fileno())
    token.close()


def test_one_that_is_never_waited_on_opens_nothing() -> None:
    before = open_descriptors()
    token = CancelToken()
    token.set(Reason.CANCELLED)
    assert open_descriptors() == before


def test_closing_gives_all_descriptors_back_and_may_be_repeated() -> None:
    before = open_descriptors()
    token = CancelToken()
    token.fileno()
    token.close()
    token.close()
    token.set(Reason.CANCELLED)
    assert open_descriptors() == before
    with pytest.raises(ValueError, match="its attempt is over"):
        token.fileno()


def test_many_threads_may_set_it_while_another_closes_it() -> None:
    for _ in range(50):
        token = CancelToken()
        token.fileno()
        reasons = [Reason.CANCELLED, Reason.AGENT_STOPPED] * 4
        threads = [threading.Thread(target=token.set, args=(reason,)) for reason in reasons]
        threads.append(threading.Thread(target=token.close))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert token.is_set()
