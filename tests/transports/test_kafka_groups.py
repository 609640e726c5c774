"""A reader that shares a topic with others hears what its group gives it, however late it is told."""

from collections.abc import Iterator

import pytest

from common.lab.cluster import Cluster
from common.lab.until import until
from common.transports.kafka_client import KafkaLink, Topic
from common.transports.kafka_queue import Form, KafkaQueue

WITHIN = 30.0


@pytest.fixture
def link(kafka: Cluster) -> Iterator[KafkaLink]:
    link = KafkaLink(kafka.environment["DTS_KAFKA"], "test")
    yield link
    link.close()


def test_a_reader_whose_share_comes_after_it_gave_up_waiting_hears_all_the_same(link: KafkaLink) -> None:
    form: Form[str] = Form(str, bytes.decode)
    queue = KafkaQueue(link, Topic("late-shares", 4, 60.0), "readers", form, shared=True)
    heard: list[str] = []

    def hears(*words: str) -> bool:
        heard.extend(message.body for message in queue.take(10, 0.2))
        return heard == [*words]

    queue.put(["one"])
    until(lambda: hears("one"), WITHIN)
    queue.ack()
    consumer = queue._opened()
    member = consumer._coordinator
    # As when the group shared the topic out before it knew of any partition, and now does: the member asks anew. The
    # poll gives up at once; meanwhile the member counts the change as seen.
    consumer._subscription.assign_from_subscribed([])
    member._assignment_snapshot = {}
    consumer.poll(1)
    until(lambda: member._assignment_snapshot and member._join_task.is_done, WITHIN, what="its share to have come")
    queue.put(["two"])
    until(lambda: hears("one", "two"), WITHIN)
    queue.close()
