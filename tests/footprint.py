"""What a whole stage costs while nothing is to be done: how soon it is ready, its memory, its processor time.

    python -m tests.footprint                     the newest stage, embedded
    python -m tests.footprint --stage 3 --profile real

Memory is PSS: what processes share is counted once, split among them. Threads of the lab are not in it. Agents are not
dumpable, so that no task reads their secrets: only root may see how much they hold.
"""

import os
import time
from collections import defaultdict
from pathlib import Path

import click
import psutil

from common.lab.cluster import Cluster
from common.lab.stages import load_stages, stage
from common.lab.until import NotYet, until

REST = 5.0
"""Seconds after which a stage has come to rest."""


@click.command()
@click.option("--stage", "number", default=max(load_stages()), show_default=True)
@click.option("--profile", type=click.Choice(["embedded", "real"]), default="embedded", show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="For how long idle processor time is measured.")
def main(number: str, profile: str, seconds: float) -> None:
    """Start a stage, let it rest, and tell what it costs. Needs root."""
    if os.geteuid():
        raise click.UsageError("the memory of an agent can be seen by root alone; run it with sudo")
    began = time.monotonic()
    with Cluster.temporary(stage(number), profile, hurt=False) as cluster:
        ready = time.monotonic() - began
        _pass(REST)
        trees = {member.name: (member.role, _tree(member.pid)) for member in cluster.members()}
        before = {name: _spent(tree) for name, (_, tree) in trees.items()}
        _pass(seconds)
        shares: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for name, (role, tree) in trees.items():
            shares[role].append((_pss(tree), (_spent(tree) - before[name]) / seconds))
    click.echo(f"stage {number}, {profile}: ready after {ready:.1f} s")
    click.echo(f"{'role':<12}{'members':>8}{'PSS MiB':>10}{'idle CPU':>10}")
    for role, found in shares.items():
        click.echo(f"{role:<12}{len(found):>8}{_mib(found):>10.0f}{sum(cpu for _, cpu in found):>10.1%}")
    every = [one for found in shares.values() for one in found]
    click.echo(f"{'all':<12}{len(every):>8}{_mib(every):>10.0f}{sum(cpu for _, cpu in every):>10.1%}")


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _pss(tree: list[psutil.Process]) -> float:
    texts = [Path(f"/proc/{process.pid}/smaps_rollup").read_text() for process in tree]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("Pss:")]
    return sum(int(line.split()[1]) for line in lines) * 1024


def _spent(tree: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in tree))


def _mib(found: list[tuple[float, float]]) -> float:
    return sum(pss for pss, _ in found) / 1_048_576


def _pass(seconds: float) -> None:
    try:
        until(lambda: False, seconds, every=seconds)
    except NotYet:
        return


if __name__ == "__main__":
    main()
