"""Checks a scenario's harmless claims on a running system, one by one."""

from common.cli.attached import Attached
from common.cli.exits import Exit
from common.cli.sheets import BROKEN, HELD, UNKNOWN, Checked, Sheet, Total
from common.clock import SystemClock
from common.domain.errors import Unavailable
from common.domain.status import Status
from common.lab.picture import Picture
from common.lab.playing import ClaimBroken, Outcome, Player
from common.lab.scenario import Beat, Claim, Gap, Scenario


class Checking:
    """One check of all harmless beats. It is the player's audience, and goes on where a claim is broken."""

    def __init__(self, there: Attached, scenario: Scenario, sheet: Sheet, prefix: str, patience: float) -> None:
        self._there, self._scenario, self._sheet, self._prefix = there, scenario, sheet, prefix
        self._patience = patience
        self._checks: list[Checked] = []

    def run(self) -> Exit:
        """Returns OK, FAILED where a claim is broken, else USAGE where one could not be told."""
        player = Player(self._there.world, self._there.observer, SystemClock(), self, patience=self._patience)
        for beat in self._scenario.harmless:
            if not self._play(player, beat):
                # What is in the way of one is in the way of all.
                break
        total = self._total()
        self._sheet.total(total)
        return Exit.FAILED if total.broken else Exit.USAGE if total.unknown else Exit.OK

    def _play(self, player: Player, beat: Beat) -> bool:
        """Returns whether it makes sense to go on."""
        try:
            player.play_beat(beat)
        except ClaimBroken as broken:
            checked = self._judge(broken.outcome)
            self._write(checked)
            return checked.verdict == BROKEN
        except Unavailable as error:
            self._write(Checked(beat, beat.claims[0], UNKNOWN, why=str(error)))
            return False
        return True

    def opened(self, beat: Beat) -> None:
        self._sheet.beat(beat)

    def doing(self, command: str, *, hurts: bool) -> None:
        self._sheet.asked(command)

    def awaiting(self, beat: Beat, step: Claim | Gap) -> None:
        pass

    def saw(self, picture: Picture) -> None:
        pass

    def judged(self, outcome: Outcome) -> None:
        if outcome.held:
            self._write(Checked(outcome.beat, outcome.step, HELD, outcome))

    def closed(self, beat: Beat) -> None:
        pass

    def _write(self, checked: Checked) -> None:
        self._checks.append(checked)
        self._sheet.checked(checked)

    def _judge(self, outcome: Outcome) -> Checked:
        """A claim that did not come true: broken, unless something else was in its way."""
        why = _trouble(outcome.picture)
        return Checked(outcome.beat, outcome.step, UNKNOWN if why else BROKEN, outcome, why)

    def _total(self) -> Total:
        picture = self._there.observer.look()
        keys = self._there.names.keys
        return Total(
            place=self._there.place,
            claims=sum(len(beat.claims) for beat in self._scenario.harmless),
            held=sum(check.verdict == HELD for check in self._checks),
            broken=sum(check.verdict == BROKEN for check in self._checks),
            prefix=self._prefix,
            tasks=[task for task in picture.tasks if task.startswith(self._prefix)],
            waiting=self._ours(picture, keys.tasks_queue),
            letters=self._ours(picture, keys.dead_letters(keys.tasks_queue)),
        )

    def _ours(self, picture: Picture, queue: str) -> int:
        return sum(self._prefix in message for message in picture.queues[queue].head) if queue in picture.queues else 0


def _trouble(picture: Picture) -> str:
    """What keeps any task from running, through no fault of the stage's; '' where nothing does."""
    if picture.away:
        return picture.away
    held = [lease for lease in picture.leases.values() if lease.fields]
    if not held:
        return "no agent holds a lease any more"
    slots = sum(int(lease.fields.get("slots") or 0) for lease in held)
    if picture.counts.get(Status.RUNNING, 0) >= slots:
        return f"all {slots} slots are taken by other tasks"
    return ""
