"""How many tasks a second: waiting ones worked off, new ones while it works, submitting alone, programs started."""

import time
from collections.abc import Sequence

from common.bench.figures import Reading
from common.bench.floors import BareStore
from common.bench.noop import TYPE, noops
from common.bench.rig import WARM_UP, Place, Rig, Told, rig
from common.bench.spawning import bare_spawns
from common.domain.task import Submission
from common.lab.stages import SERVERS_ONLY

MANY_SLOTS = {"DTS_SLOTS": "64"}
"""For tasks that need no core: a claim then brings many of them."""
PROGRAM = "/bin/true"


def drain(place: Place, count: int, told: Told) -> list[Reading]:
    """Submit while nobody gives tasks out: a scheduler, or the agent itself. From the first start to the last end."""
    with rig(place, noops(WARM_UP), MANY_SLOTS) as system:
        task_ids = _worked_off(system, noops(count), told)
        return [Reading("drain", count / _span(system, task_ids, "startedAt"), count / _bare(system, count).drain())]


def stream(place: Place, count: int, told: Told) -> list[Reading]:
    """Submit at full speed while the agent works: from the first submission to the last end."""
    with rig(place, noops(WARM_UP), MANY_SLOTS) as system:
        task_ids = system.submit(noops(count))
        system.await_ended(WARM_UP + count, told)
        floor = BareStore(system.redis, noops(count)).stream()
        return [Reading("stream", count / _span(system, task_ids, "createdAt"), count / floor)]


def bulk(place: Place, count: int, told: Told) -> list[Reading]:
    """Submit without anybody who works: until the last answer."""
    with rig(Place(SERVERS_ONLY, place.profile), []) as system:
        begun = time.perf_counter()
        system.submit([Submission(type=TYPE, name="noop", content="nothing") for _ in range(count)])
        seconds = time.perf_counter() - begun
        told(count, count)
        return [Reading("bulk", count / seconds, count / BareStore(system.redis, noops(count)).submit())]


def spawn(place: Place, count: int, told: Told) -> list[Reading]:
    """Programs that end at once, as a list of words and by a shell: from the first start to the last end."""
    as_list, by_shell = Submission(content=[PROGRAM]), Submission(content=PROGRAM)
    with rig(place, [as_list] * WARM_UP) as system:
        rates = [
            _program_rate(system, as_list, count, WARM_UP, lambda done, _: told(done, 2 * count)),
            _program_rate(system, by_shell, count, WARM_UP + count, lambda done, _: told(count + done, 2 * count)),
        ]
    floors = [bare_spawns([PROGRAM], count), bare_spawns(["sh", "-c", PROGRAM], count)]
    return [Reading(*reading) for reading in zip(("spawn.argv", "spawn.shell"), rates, floors, strict=True)]


def _program_rate(system: Rig, submission: Submission, count: int, before: int, told: Told) -> float:
    task_ids = system.submit([submission] * count)
    system.await_ended(before + count, told)
    return count / _span(system, task_ids, "startedAt")


def _worked_off(system: Rig, submissions: Sequence[Submission], told: Told) -> list[str]:
    """Have them submitted while nobody gives tasks out, and worked off once somebody does."""
    members = system.world.members()
    givers = [one.name for one in members if one.role == "scheduler"] or [
        one.name for one in members if one.role == "agent"
    ]
    for giver in givers:
        system.world.fault("stop", giver)
    task_ids = system.submit(submissions)
    system.world.fault("start", givers[0])
    system.await_ended(WARM_UP + len(submissions), told)
    return task_ids


def _span(system: Rig, task_ids: Sequence[str], since: str) -> float:
    """Seconds from the first of those times to the last end; at least one tick of the stamps."""
    return max(max(system.stamps(task_ids, "finishedAt")) - min(system.stamps(task_ids, since)), 0.001)


def _bare(system: Rig, count: int) -> BareStore:
    bare = BareStore(system.redis, noops(count))
    bare.submit()
    return bare
