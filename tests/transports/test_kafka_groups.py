"""Readers that share a topic: each hears what its group gives it, and settles what it took, whatever comes between."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from common.domain.errors import Unavailable
from common.lab.cluster import Cluster
from common.lab.until import until
from common.transports.kafka_client import KafkaLink, Topic
from common.transports.kafka_queue import Form, KafkaQueue
from common.transports.kafka_traffic import traffic

WITHIN = 30.0


@pytest.fixture
def link(kafka: Cluster) -> Iterator[KafkaLink]:
    link = KafkaLink(kafka.environment["DTS_KAFKA"], "test")
    yield link
    link.close()


FORM: Form[str] = Form(str, bytes.decode, lambda word: word)


def test_what_could_not_be_settled_while_the_group_shared_out_anew_is_settled_after_it(link: KafkaLink) -> None:
    topic = Topic("settled-late", 4, 60.0)
    group = [KafkaQueue(link, topic, "settlers", FORM, shared=True) for _ in range(3)]
    first, second, third = group
    words = [f"word-{number}" for number in range(40)]
    first.put(words)
    heard: set[str] = set()

    def take(*queues: KafkaQueue[str], within: float = 0.1) -> bool:
        for queue in queues:
            heard.update(message.body for message in queue.take(100, within))
        return heard == set(words) and all(queue._opened().assignment() for queue in queues)

    with ThreadPoolExecutor(1) as beside:
        joins = beside.submit(until, lambda: take(second), WITHIN)
        until(lambda: take(first), WITHIN)
        joins.result()
        # One more comes just before the first would settle, and the second is slow to answer that it has heard of it.
        joins = beside.submit(until, lambda: take(third), WITHIN)
        until(first._opened()._coordinator.need_rejoin, WITHIN, what="the first to hear of the third")
        take(first)
        with pytest.raises(Unavailable, match="shares its topic out anew"):
            first.ack()
        until(lambda: take(first, second) and joins.done(), WITHIN)

    def settled() -> bool:
        take(*group)
        for queue in group:
            with suppress(Unavailable):
                queue.ack()
        (seen,) = traffic(link, [topic.name], {topic.name: "settlers"})
        return seen.waiting == 0

    until(settled, WITHIN, what="all that was taken to be settled")
    for queue in group:
        queue.close()


def test_a_share_that_came_after_a_look_gave_up_is_taken_and_the_group_is_not_asked_anew(link: KafkaLink) -> None:
    queue = KafkaQueue(link, Topic("asked-once", 4, 60.0), "askers", FORM, shared=True)
    consumer = queue._opened()
    member = consumer._coordinator
    until(lambda: queue.take(1, 0.2) or consumer.assignment(), WITHIN, what="the first share")
    member.request_rejoin()
    consumer.poll(1)
    until(lambda: member._join_task.is_done, WITHIN, what="the group to answer")
    answered = member._generation
    queue.take(1, 0)
    # Asked anew it would ask all others anew, too: so a group under load never came to rest.
    assert (member._generation, member._join_task, member.need_rejoin()) == (answered, None, False)
    queue.close()


def test_a_reader_whose_share_comes_after_it_gave_up_waiting_hears_all_the_same(link: KafkaLink) -> None:
    queue = KafkaQueue(link, Topic("late-shares", 4, 60.0), "readers", FORM, shared=True)
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
