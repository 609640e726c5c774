"""The figures that the processes of a stage tell, as a scenario's claims ask for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from common.contracts import Registry
from common.domain.errors import Unavailable
from common.rpc.providers import addresses_in, group_of

METRICS = group_of("metrics")
"""The registry's group of all that tell figures."""
WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One line that one process told."""

    name: str
    labels: Mapping[str, str]
    value: float


def scrape(registry: Registry | None) -> Sequence[Figure]:
    """All that all of them tell now; whoever does not answer is left out."""
    try:
        addresses = addresses_in(registry.members(METRICS)) if registry else []
    except Unavailable:
        return []
    return [figure for address in addresses for figure in _told(address)]


def _told(address: str) -> list[Figure]:
    try:
        with urlopen(f"http://{address}/metrics", timeout=WITHIN) as answer:
            text = answer.read().decode()
    except (URLError, OSError):
        return []
    families = text_string_to_metric_families(text)
    return [Figure(one.name, one.labels, one.value) for family in families for one in family.samples]
