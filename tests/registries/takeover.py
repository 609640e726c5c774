"""How soon a member that is killed is gone for the others, and how soon another leads.

python -m tests.registries.takeover --times 20
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

import click

from common.cli.console import table
from common.contracts import Info, Term
from common.lab.cluster import Cluster
from common.lab.infra import servers
from common.lab.profile import Profile
from common.lab.until import until
from tests.registries.holders import Holder, StartHolder, holders
from tests.registries.onlookers import GROUP, OFFICE
from tests.registries.served import SOON, Served, of_zookeeper, served

BLOWS: Mapping[str, Callable[[Holder], None]] = {"killed": Holder.kill, "closed": Holder.close}
MEMBER = "agent-1"


class Onlooker:
    """Watches one member and stands for the office; when the member was gone for it, and when it led."""

    def __init__(self, place: Served) -> None:
        self.registry = place.handle()
        self.there = False
        self.gone = self.led = 0.0
        self.registry.watch(GROUP, self._changed)
        until(lambda: self.there)
        self.registry.campaign(OFFICE, "agent-2", self._lead)

    def _changed(self, members: Mapping[str, Info]) -> None:
        self.there = self.there or MEMBER in members
        if self.there and MEMBER not in members:
            self.gone = time.monotonic()

    def _lead(self, term: Term) -> None:
        self.led = time.monotonic()
        term.lost.wait()


def seconds_after(blow: Callable[[Holder], None], place: Served, start: StartHolder) -> tuple[float, float]:
    """After which the member was gone, and another led."""
    holder = start(MEMBER, "b1")
    holder.told("leads")
    holder.told("proved")
    onlooker = Onlooker(place)
    began = time.monotonic()
    blow(holder)
    until(lambda: onlooker.gone and onlooker.led, within=60)
    holder.end()
    onlooker.registry.close()
    return onlooker.gone - began, onlooker.led - began


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--times", type=click.IntRange(1), default=20, show_default=True, help="Of each kind.")
@click.option("--session", type=click.FloatRange(1, 60), default=2, show_default=True, help="T, in seconds.")
def takeover(*, times: int, session: float) -> None:
    """Kill and close a process that is a member and leads, and see how soon the others know and one of them leads.

    On a real ZooKeeper of one node and on leases in a real Redis. It fails where, by the median, a killed one is not
    gone within T + 1 s, or a closed one within 1 s.

    Exit codes: 0 all in time · 1 something was late.
    """
    rows: list[list[str]] = []
    late = False
    with ExitStack() as at_the_end:
        only = servers(("zookeeper", "redis"), 1)
        where = at_the_end.enter_context(Cluster.temporary(only, Profile.REAL)).environment
        usual = {"session": str(session)}
        places = {
            "ZooKeeper": of_zookeeper(where["DTS_ZOOKEEPER"], **usual),
            "Redis leases": served(redis_url=where["DTS_REDIS_URL"], **usual),
        }
        for kind, making in places.items():
            place = at_the_end.enter_context(making)
            start = at_the_end.enter_context(holders(place.settings))
            for name, blow in BLOWS.items():
                took = [seconds_after(blow, place, start) for _ in range(times)]
                within = SOON + (session if name == "killed" else 0)
                for what, seen in zip(("gone", "next leads"), zip(*took, strict=True), strict=True):
                    median = statistics.median(seen)
                    late = late or median > within
                    rows.append([kind, name, what, f"{median:.2f}", f"{max(seen):.2f}", f"{within:g}"])
    table(["registry", "holder", "what", "median s", "worst s", "aim s"], rows)
    sys.exit(1 if late else 0)


if __name__ == "__main__":
    takeover()
