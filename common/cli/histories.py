"""`dts doctor --history`: do all tasks' histories keep the invariants, and do the other records tell the same?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from common.cli.exits import Exit
from common.cli.histories_view import show, show_json

if TYPE_CHECKING:
    from common.cli.attached import Attached
    from common.cli.where import Backend
    from common.doctor.history.checker import Terms
    from common.doctor.history.rest import Remains
    from common.doctor.history.visit import Records, Visited
    from common.settings import Settings

SCAN = 2.0
"""Seconds between two looks of the scans by which a cancelled task's agent is told again."""
UNGATED = 3
"""The stage in which agents begin without asking."""


def check_histories(ctx: click.Context, redis_url: str | None, records: "Records", *, as_json: bool) -> Exit:
    """Check, show, and say how the command ends."""
    from common.cli.console import waiting
    from common.cli.failures import complain
    from common.domain.errors import BadMessage, BadSetting, Unavailable

    try:
        with waiting("looking at the store …") as told:
            visited = _visited(ctx, redis_url, records, told)
    except (Unavailable, BadMessage, BadSetting, OSError) as error:
        complain(
            f"could not tell: {error}", "--redis-url names the store; the records' form is in docs/reliability.md."
        )
        return Exit.USAGE
    (show_json if as_json else show)(visited)
    return Exit.FAILED if visited.count else Exit.OK


def _visited(ctx: click.Context, redis_url: str | None, records: "Records", told: Callable[[str], None]) -> "Visited":
    from common.cli.where import backend, settings_for
    from common.doctor.history.visit import visit
    from common.settings import Settings

    with backend(ctx, redis_url) as place, _world(ctx, redis_url) as there:
        settings = settings_for(redis_url) if there else Settings.load()
        terms = _terms(there.stage if there else None, settings)
        return visit((place.redis, place.store.keys), terms, records, lambda: _left(place, there, settings), told)


@contextmanager
def _world(ctx: click.Context, redis_url: str | None) -> "Iterator[Attached | None]":
    from common.cli.where import Backend

    if isinstance(ctx.obj, Backend):
        yield None
        return
    from common.cli.attached import attached

    with attached(redis_url) as there:
        yield there


def _terms(stage: int | None, settings: "Settings") -> "Terms":
    from common.doctor.history.checker import Terms

    ended = settings.grace + 2 * SCAN + settings.lease + settings.session
    return Terms(
        0.0,
        max_lost=settings.max_lost,
        retention=settings.retention,
        cancel_within=ended,
        gate=stage != UNGATED,
    )


def _left(place: "Backend", there: "Attached | None", settings: "Settings") -> "Remains | None":
    from common.lab.remains import busy, remains_of

    if busy(place.redis, place.store):
        return None
    return remains_of(place.redis, place.store, there.world if there else None, place.clock, settings.retention)
