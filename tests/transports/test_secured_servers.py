"""Real servers that ask who one is: dts proves itself as its settings say, and who does not is refused."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError
from kazoo.security import OPEN_ACL_UNSAFE

from common.clock import SystemClock
from common.contracts import Registry, Term
from common.domain.errors import Unavailable, Unready
from common.domain.ids import Ids
from common.domain.status import Answer
from common.domain.task import Submission
from common.lab.cluster import Cluster
from common.lab.errors import MissingServer
from common.lab.until import until
from common.settings import Settings
from common.store.tasks import TaskStore
from common.transports.kafka_access import kafka_access
from common.transports.kafka_client import KafkaLink, Topic, end_of
from common.transports.redis_client import connect, redis_errors, refuse_unfit
from tests.certificates import Certified, certified
from tests.conftest import BinaryOf, give_up
from tests.registries.served import by_hand, registry_by
from tests.secured import SecuredKafka, files, redis_environment, secured_kafka, secured_redis
from tests.terminator import tls_before


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def redis_port(binary_of: BinaryOf, tmp_path: Path, ours: Certified) -> Iterator[int]:
    """Of a Redis that takes only a certificate and the user `dts`."""
    with secured_redis(binary_of("real"), tmp_path, ours) as (_, port):
        yield port


def url_by(environ: dict[str, str], **other: str) -> str:
    return Settings.load({**environ, **other}).redis_url


def test_redis_is_reached_by_tls_as_a_user_that_may_do_no_more_than_dts_needs(redis_port: int, ours: Certified) -> None:
    with connect(url_by(redis_environment(ours, redis_port))) as client:
        refuse_unfit(client, "fast")
        submitted = TaskStore(client).submit([Submission(type="SHELL", content="true")], "test", Ids(SystemClock()))
        assert submitted[0].answer is Answer.OK
        with pytest.raises(Unready, match="its user may not do that"), redis_errors():
            client.flushall()


def test_redis_is_not_reached_with_a_wrong_password_without_a_certificate_or_by_another_authority(
    redis_port: int, ours: Certified, tmp_path: Path
) -> None:
    environ = redis_environment(ours, redis_port)
    for other, told in (
        ({"DTS_REDIS_PASSWORD": "wrong"}, "it knows no such user with that password"),
        ({"DTS_REDIS_CERTIFICATE": "", "DTS_REDIS_KEY": ""}, "is away"),
        ({"DTS_REDIS_CA": str(certified(tmp_path).ca)}, "certificate verify failed"),
    ):
        given = {name: value for name, value in {**environ, **other}.items() if value}
        with connect(url_by(given), repeats=0) as client, pytest.raises(Unavailable, match=told), redis_errors():
            client.ping()


def test_what_dts_makes_in_zookeeper_nobody_else_may_touch(zookeeper: Cluster) -> None:
    hosts = zookeeper.environment["DTS_ZOOKEEPER"]
    where = {"DTS_ZOOKEEPER": f"{hosts}/digest", "DTS_SESSION": "2"}
    with by_hand(hosts) as anybody, closing(registry_by({**where, "DTS_ZOOKEEPER_AUTH": "dts:secret"})) as registry:
        registry.register("live-agents", "agent-1", {"boot": "b1"})
        until(lambda: registry.members("live-agents"), what="the registration")
        for act, *args in (
            (anybody.get, "/digest/live-agents/agent-1"),
            (anybody.create, "/digest/live-agents/imposter", b"{}"),
            (anybody.create, "/digest/scheduler", b""),
            (anybody.delete, "/digest/live-agents/agent-1"),
            (anybody.set_acls, "/digest/live-agents", OPEN_ACL_UNSAFE),
        ):
            with pytest.raises(NoAuthError):
                act(*args)
        with closing(registry_by(where)) as without, pytest.raises(Unready, match="DTS_ZOOKEEPER_AUTH"):
            without.members("live-agents")
        with closing(registry_by({**where, "DTS_ZOOKEEPER_AUTH": "dts:secret"})) as another:
            assert set(another.members("live-agents")) == {"agent-1"}
    ours = KazooClient(hosts, auth_data=[("digest", "dts:secret")])
    ours.start()
    ours.delete("/digest", recursive=True)
    ours.stop()
    ours.close()


@pytest.fixture
def zookeeper_by_tls(zookeeper: Cluster, ours: Certified) -> Iterator[dict[str, str]]:
    """The settings for a ZooKeeper that takes only who comes by TLS and has a certificate."""
    port = int(zookeeper.environment["DTS_ZOOKEEPER"].rpartition(":")[2])
    with tls_before(port, ours) as by_tls:
        yield {"DTS_ZOOKEEPER": f"localhost:{by_tls}/by-tls", "DTS_SESSION": "2", **files("ZOOKEEPER", ours)}
    with by_hand(zookeeper.environment["DTS_ZOOKEEPER"]) as client:
        client.delete("/by-tls", recursive=True)


def test_zookeeper_is_reached_by_tls_and_tells_at_once_who_comes_and_who_leads(
    zookeeper_by_tls: dict[str, str],
) -> None:
    with closing(registry_by(zookeeper_by_tls)) as one, closing(registry_by(zookeeper_by_tls)) as other:
        seen: list[set[str]] = []
        terms: list[Term] = []
        watching = other.watch("live-agents", lambda members: seen.append(set(members)))
        big = {"boot": "b1", "words": "x" * 60_000}
        registration = one.register("live-agents", "agent-1", big)
        until(lambda: seen[-1:] == [{"agent-1"}], what="the agent to be seen")
        assert other.members("live-agents") == {"agent-1": big}
        campaign = one.campaign("scheduler", "scheduler-1", lambda term: _lead(term, terms))
        until(lambda: other.leader("scheduler") and terms, what="a leader")
        campaign.close()
        registration.close()
        until(lambda: seen[-1] == set(), what="the agent to be gone")
        watching.close()


def _lead(term: Term, terms: list[Term]) -> None:
    terms.append(term)
    term.lost.wait()


def test_zookeeper_is_not_reached_without_a_certificate_or_by_another_authority(
    zookeeper_by_tls: dict[str, str], tmp_path: Path
) -> None:
    for other, why in (
        ({"DTS_ZOOKEEPER_CERTIFICATE": "", "DTS_ZOOKEEPER_KEY": ""}, "broken"),
        ({"DTS_ZOOKEEPER_CA": str(certified(tmp_path).ca)}, "certificate verify failed"),
        ({"DTS_ZOOKEEPER_CA": "", "DTS_ZOOKEEPER_CERTIFICATE": "", "DTS_ZOOKEEPER_KEY": ""}, "broken"),
        ({"DTS_ZOOKEEPER": "localhost:1/by-tls"}, "refused"),
    ):
        given = {name: value for name, value in {**zookeeper_by_tls, **other}.items() if value}
        with closing(registry_by(given)) as registry:
            until(lambda registry=registry, why=why: why in _refused(registry), what=why)  # type: ignore[misc]


def _refused(registry: Registry) -> str:
    """What it tells whoever asks it now."""
    with pytest.raises(Unavailable, match="ZooKeeper is away: no connection to") as told:
        registry.members("live-agents")
    return str(told.value)


@pytest.fixture(scope="module")
def kafka_by_tls(ours: Certified, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    try:
        with secured_kafka(tmp_path_factory.mktemp("kafka"), ours) as found:
            yield found
    except MissingServer as missing:
        give_up(missing)


def link_by(kafka: SecuredKafka, mechanism: str, **other: str) -> KafkaLink:
    settings = Settings.load({**kafka.environment(mechanism), **other})
    return KafkaLink(settings.kafka, "test", kafka_access(settings))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_kafka_takes_all_that_dts_does_there_by_tls_and_password(kafka_by_tls: SecuredKafka, mechanism: str) -> None:
    topic = Topic(f"by-{mechanism}", 1, 3600)
    with closing(link_by(kafka_by_tls, mechanism)) as link:
        until(lambda: _made(link, topic), within=60, what="Kafka to make a topic")
        link.send([(topic.name, None, b"hello", [])])
        consumer = link.consumer()
        with closing(consumer):
            from kafka import TopicPartition

            place = TopicPartition(topic.name, 0)
            assert end_of(consumer, [place])[place] == 1
        link.remove([topic.name])


def _made(link: KafkaLink, topic: Topic) -> bool:
    try:
        link.make([topic])
    except Unavailable:
        return False
    return True


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_kafka_refuses_a_wrong_password(kafka_by_tls: SecuredKafka, mechanism: str) -> None:
    with closing(link_by(kafka_by_tls, mechanism)) as right:
        until(lambda: _made(right, Topic("ready", 1, 3600)), within=60, what="Kafka to serve")
    with (
        closing(link_by(kafka_by_tls, mechanism, DTS_KAFKA_PASSWORD="wrong")) as link,
        pytest.raises(Unavailable, match="refuses our user or certificate"),
    ):
        link.topics()
