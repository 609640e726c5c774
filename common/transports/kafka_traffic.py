"""Topics, offsets and lag, as seen from outside: no group is joined, nothing is read."""

from collections.abc import Mapping, Sequence

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from common.contracts import Traffic
from common.transports.kafka_client import KafkaLink


def traffic(link: KafkaLink, topics: Sequence[str], readers: Mapping[str, str]) -> list[Traffic]:
    """What has been sent to those topics, and what waits there for the groups that read them; of dead letters all.

    A topic stands also for those whose names go on after a dot; `readers` says which group reads a topic, where one
    does. Raises Unavailable.
    """
    with link.admin() as admin:
        places = [
            TopicPartition(found["name"], part["partition_index"])
            for found in admin.describe_topics()
            if found["name"] in topics or found["name"].startswith(tuple(f"{topic}." for topic in topics))
            for part in found["partitions"]
        ]
        ends, begins = _offsets(admin, places, OffsetSpec.LATEST), _offsets(admin, places, OffsetSpec.EARLIEST)
        offsets = admin.list_group_offsets(dict.fromkeys(readers.values())) if places else {}
    read = {place: said.offset for known in offsets.values() for place, said in known.items() if said.offset >= 0}

    def waiting(place: TopicPartition) -> int:
        if place.topic in readers:
            # Of a group that has settled nothing yet all of it waits.
            return max(0, ends[place] - int(read.get(place, begins[place])))
        return ends[place] - begins[place] if place.topic.endswith(".dlq") else 0

    names = sorted({place.topic for place in places})
    own = {name: [place for place in places if place.topic == name] for name in names}
    return [Traffic(name, sum(map(waiting, own[name])), sum(ends[place] for place in own[name])) for name in names]


def _offsets(
    admin: KafkaAdminClient, places: Sequence[TopicPartition], which: OffsetSpec
) -> Mapping[TopicPartition, int]:
    if not places:
        return {}
    found = admin.list_partition_offsets(dict.fromkeys(places, which))
    return {place: said.offset for place, said in found.items()}
