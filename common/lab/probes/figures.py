"""Questions about the figures that the processes of a stage tell."""

from collections.abc import Callable, Iterable

from common.lab.figures import METRICS
from common.lab.picture import Picture
from common.lab.probe import Probe

Over = Callable[[Iterable[float]], float]


def measured_by(count: int) -> Probe:
    """So many processes tell figures."""

    def see(picture: Picture) -> int:
        return len(picture.registry.measured) if picture.registry else 0

    return Probe(see, count, lambda names: names.members(METRICS), local=True)


def figure(name: str, value: float, *, over: Over = sum, at_least: bool = False, **labels: str) -> Probe:
    """The figure of this name, of all processes together, is so much; `labels` say which lines of it count.

    `over` says how those of several processes are put together.
    """

    def see(picture: Picture) -> float:
        found = [
            one.value for one in picture.figures() if one.name == name and labels.items() <= dict(one.labels).items()
        ]
        seen = over(found) if found else 0.0
        return min(seen, value) if at_least else seen

    wanted = name + "".join(f'.*{label}="{text}"' for label, text in labels.items())
    return Probe(see, float(value), lambda _: f"{SCRAPE} | grep '{wanted}'", local=True)


SCRAPE = (
    'for at in $(curl -s -H "Authorization: Bearer $DTS_API_TOKEN" "$DTS_API_URL/metrics/targets" '
    "| grep -o '[0-9.]*:[0-9]*'); do curl -s \"http://$at/metrics\"; done"
)
"""What a person types to see the same."""
