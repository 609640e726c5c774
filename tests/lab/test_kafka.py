"""A private Kafka: it takes messages and gives them back, is hurt, comes back, and keeps what it was told."""

import os
import re
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from common.lab.cluster import Cluster
from common.lab.home import Member
from common.lab.infra import servers
from common.lab.ports import LOOPBACK
from common.lab.profile import Profile
from common.lab.servers.kafka import KafkaServer, _new_cluster_id
from common.lab.servers.server import Site
from tests.conftest import OwnServers
from tests.lab.members import nothing_left_of


def tell(cluster: Cluster, topic: str, text: bytes) -> None:
    """Make the topic and put one message there; returns when the broker has it."""
    admin = KafkaAdminClient(bootstrap_servers=cluster.environment["DTS_KAFKA"])
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=cluster.environment["DTS_KAFKA"], acks="all")
    producer.send(topic, text).get(timeout=20)
    producer.close(timeout=5)


def told(cluster: Cluster, topic: str) -> bytes:
    """The first message that stands there."""
    consumer = KafkaConsumer(bootstrap_servers=cluster.environment["DTS_KAFKA"], auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, 0)])
    records = consumer.poll(timeout_ms=20_000)
    consumer.close()
    (messages,) = records.values()
    return bytes(messages[0].value)


def test_it_takes_messages_and_gives_them_back(kafka: Cluster) -> None:
    assert kafka.answers("kafka")
    tell(kafka, "told", b"yes")
    assert told(kafka, "told") == b"yes"


def test_it_listens_on_the_loopback_address_alone(kafka: Cluster) -> None:
    for port in kafka.member("kafka").ports:
        with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass


def test_its_log_tells_what_happens_and_no_lists_of_settings(kafka: Cluster) -> None:
    log = kafka.log("kafka").read_text()
    assert "Kafka Server started" in log
    # Each list of them would be hundreds of lines like "\tadvertised.listeners = null".
    assert not re.findall(r"^\s+[a-z.]+ = ", log, flags=re.MULTILINE)


@pytest.mark.timeout(120)
def test_it_comes_back_after_a_crash_with_its_port_and_what_it_was_told(own_servers: OwnServers) -> None:
    cluster = own_servers("kafka")
    where = cluster.environment
    tell(cluster, "kept", b"yes")
    cluster.fault("kill", "kafka")
    assert not cluster.answers("kafka")
    cluster.start("kafka")
    assert cluster.environment == where
    assert told(cluster, "kept") == b"yes"
    cluster.fault("stop", "kafka")


@pytest.mark.timeout(120)
def test_data_that_is_kept_serves_on_other_ports_and_in_a_home_with_odd_characters(
    tmp_path: Path, kafka: Cluster
) -> None:
    del kafka  # skips, or fails, where there is none
    home = tmp_path / 'it\'s a "home" = ü\\u'
    first = Cluster.up(home, servers(("kafka",)), Profile.REAL)
    tell(first, "kept", b"yes")
    before = first.environment
    first.down(keep_data=True)
    with Cluster.owned(home, servers(("kafka",)), Profile.REAL) as second:
        assert second.environment != before
        assert told(second, "kept") == b"yes"
    assert nothing_left_of(home)


def test_another_kafka_at_its_port_is_not_taken_for_it(kafka: Cluster, tmp_path: Path) -> None:
    member = replace(kafka.member("kafka"), pid=os.getpid())
    assert not KafkaServer().answers(Site(member, [member], tmp_path, Profile.REAL, tmp_path))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 64])
def test_another_program_at_its_port_is_not_taken_for_it(tmp_path: Path, answer: bytes) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        member = Member("kafka", "kafka", [], [listener.getsockname()[1], 0])
        assert not KafkaServer().answers(Site(member, [member], tmp_path, Profile.REAL, tmp_path))
        thread.join()


def test_no_cluster_id_looks_like_an_option() -> None:
    ids = {_new_cluster_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(len(name) == 22 and name.startswith("ZHRz") for name in ids)
