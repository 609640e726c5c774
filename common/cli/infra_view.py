"""How `dts infra` shows what it installed and what runs."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.cli.cluster_view import STATE_STYLES
from common.cli.cluster_view import record as member_record
from common.cli.console import Cell, document, note, say, table, terminal

if TYPE_CHECKING:
    from common.lab.cluster import Cluster
    from common.lab.home import Member
    from common.lab.java.install import Installed

Bytes = Callable[[int], None]


@contextmanager
def downloading() -> Iterator[tuple[Bytes, Bytes]]:
    """A bar on stderr for whoever waits, in a pipe a line; yields what is told of pieces and of the whole."""
    if not sys.stderr.isatty():
        yield lambda _: None, lambda whole: note(f"Downloading {_megabytes(whole)} ...") if whole else None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("Downloading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal(sys.stderr), transient=True) as bars:
        bar = bars.add_task("", total=None, visible=False)
        yield lambda size: bars.advance(bar, size), lambda whole: bars.update(bar, total=whole, visible=whole > 0)


def tell(done: "Installed", folder: Path, source: str, *, as_json: bool) -> None:
    """What was installed, and from where; raises MissingServer where Java or redis-server is not there."""
    from common.lab.java.runtime import find_java
    from common.lab.profile import Profile
    from common.lab.servers.redis import redis_binary

    ways = {"were there": done.were_there, "taken from Maven": done.copied, f"fetched from {source}": done.downloaded}
    if not as_json:
        how = ", ".join(f"{number} {way}" for way, number in ways.items() if number)
        say(
            f"{sum(ways.values())} jars in {folder}: {'nothing to do' if not (done.copied or done.downloaded) else how}"
        )
    java, redis = find_java(), redis_binary(Profile.REAL)
    if as_json:
        counts = {"present": done.were_there, "copied": done.copied, "downloaded": done.downloaded}
        binaries = {"java": {"path": str(java.binary), "version": java.version}, "redis": {"path": str(redis)}}
        document({"jars": {"folder": str(folder), "source": source, **counts}, **binaries})
        return
    say(f"Java {java.version} at {java.binary}, redis-server at {redis}")


def record(cluster: "Cluster", member: "Member") -> dict[str, Any]:
    """A server for programs."""
    running = member.state == "running"
    address = f"127.0.0.1:{member.port}" if member.port else None
    answers = running and cluster.answers(member.name)
    return {**member_record(member), "address": address, "answers": answers, "log": str(cluster.log(member.name))}


def show(records: Sequence[Mapping[str, Any]]) -> None:
    """All servers in a table."""
    rows = [
        (
            one["name"],
            str(one["pid"] or "-"),
            Cell(one["state"], STATE_STYLES[one["state"]]),
            one["address"] or "-",
            Cell("yes", "green") if one["answers"] else Cell("no", "bold red"),
            one["log"],
        )
        for one in records
    ]
    table(("name", "pid", "state", "address", "answers", "log"), rows, elastic=("log",))


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
