"""The floor of a task that travels by Kafka: there by one topic, to another process, and back by a second one.

Nothing else is done with a message: no store, no scheduler, no start of anything.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from common.transports.kafka_client import KafkaLink, Topic, end_of

WITHIN = 10.0
"""Seconds in which an answer must come."""


class TwoHops:
    """One who asks, with another process that answers."""

    def __init__(self, producer: KafkaProducer, consumer: KafkaConsumer, there: str) -> None:
        self._producer, self._consumer, self._there = producer, consumer, there

    def one(self, number: int) -> None:
        """Send one message and wait for its answer. Raises RuntimeError where none comes."""
        self._producer.send(self._there, b"%d" % number)
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            for records in self._consumer.poll(100).values():
                if any(record.value == b"%d" % number for record in records):
                    return
        raise RuntimeError("Kafka brought no answer over two hops")


@contextmanager
def two_hops(servers: str) -> Iterator[TwoHops]:
    """Somebody who answers, for the block, in a process of his own."""
    link = KafkaLink(servers, "bench")
    stamp = time.monotonic_ns()
    there, back = (Topic(f"bench-{way}-{stamp}", 1, 3600) for way in ("there", "back"))
    link.make([there, back])
    answerer = subprocess.Popen(
        [sys.executable, "-m", "common.bench.two_hops", servers, there.name, back.name], stdout=subprocess.PIPE
    )
    try:
        if not answerer.stdout or not answerer.stdout.readline():
            raise RuntimeError("nobody is there to answer over two hops")
        with closing(_producer(servers)) as producer, closing(_reader(link, back.name)) as consumer:
            hops = TwoHops(producer, consumer, there.name)
            hops.one(-1)
            yield hops
    finally:
        answerer.kill()
        answerer.wait()
        link.remove([there.name, back.name])
        link.close()


def _producer(servers: str) -> KafkaProducer:
    return KafkaProducer(bootstrap_servers=servers.split(","), acks="all", linger_ms=0)


def _reader(link: KafkaLink, topic: str) -> KafkaConsumer:
    consumer = link.consumer()
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    consumer.seek(place, end_of(consumer, [place])[place])
    return consumer


def answer(servers: str, there: str, back: str) -> None:
    """Send all that comes by one topic back by the other, for ever; says so when it begins."""
    link = KafkaLink(servers, "bench")
    producer, consumer = _producer(servers), _reader(link, there)
    sys.stdout.write("answering\n")
    sys.stdout.flush()
    while True:
        for records in consumer.poll(1000).values():
            for record in records:
                producer.send(back, record.value)


if __name__ == "__main__":
    answer(*sys.argv[1:])
