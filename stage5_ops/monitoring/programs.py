"""The programs of Prometheus on this machine, whatever a distribution calls them."""

import shutil
from pathlib import Path

from common.lab.errors import MissingServer

PROGRAMS = {
    "prometheus": ("prometheus", ("prometheus",)),
    "promtool": ("prometheus", ("promtool",)),
    "alertmanager": ("prometheus-alertmanager", ("alertmanager", "prometheus-alertmanager")),
    "amtool": ("prometheus-alertmanager", ("amtool",)),
}
"""By its name: Debian's package, and the names under which it may stand on PATH."""


def program(name: str) -> Path:
    """Where it is. Raises MissingServer, which says what to install."""
    package, names = PROGRAMS[name]
    for one in names:
        if found := shutil.which(one):
            return Path(found)
    raise MissingServer(
        f"no {name} on PATH: apt-get install {package}, or fetch it from https://prometheus.io/download/ "
        "and put it there"
    )
