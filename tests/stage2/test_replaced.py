"""Replaced: where another process of Redis answers, the term ends and the next one looks at everything afresh."""

import pytest
from redis import Redis

from common.store.keys import Keys
from common.store.leases import Leases
from stage2_zk.scans.replaced import Replaced
from stage2_zk.tenure import Tenure
from tests.conftest import OwnRedis


def test_a_redis_that_was_started_anew_ends_the_term_and_is_told(
    own_redis: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    server, tenure = own_redis(), Tenure("scheduler-1", 7)
    scan = Replaced(Leases(server.client(), Keys()), tenure)
    scan.step()
    scan.step()
    assert not tenure.over.is_set()
    server.kill()
    server.start()
    scan.step()
    assert tenure.over.is_set()
    assert tenure.why == "another Redis answers"
    assert "looked at afresh" in caplog.text


def test_a_redis_that_does_not_say_which_one_it_is_ends_nothing(redis: Redis) -> None:
    tenure = Tenure("scheduler-1", 7)
    scan = Replaced(Leases(redis, Keys()), tenure)
    for _ in range(3):
        scan.step()
    assert not tenure.over.is_set()
