"""All that a visit of the doctor brought: checks of machine and server, and what was found in the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.doctor.examination import Examination
from common.doctor.rules import AGENTS, HASHES, HISTORIES, RULES, Finding, Group, Rule
from common.doctor.server import NAMES
from common.doctor.verdicts import Checked, Verdict, unknown

NAMED = 3
"""Tasks, keys or agents that a check of the store names by itself; its findings have them all."""
_WORST_FIRST = (Verdict.BAD, Verdict.UNKNOWN, Verdict.WARN)


@dataclass(slots=True)
class Report:
    """What is known so far; what could not be looked at is told as unknown, with `why`."""

    machine: Sequence[Checked] = ()
    server: Sequence[Checked] = ()
    examination: Examination | None = None
    why: str = "it was not looked at"

    @property
    def sections(self) -> Mapping[str, Sequence[Checked]]:
        """Every check, by what it is about: machine, redis, store."""
        server = self.server or [unknown(name, self.why) for name in NAMES]
        return {"machine": self.machine, "redis": server, "store": [self._store_check(group) for group in self._groups]}

    @property
    def verdict(self) -> Verdict:
        """The worst of all: BAD before UNKNOWN before WARN."""
        verdicts = {checked.verdict for checks in self.sections.values() for checked in checks}
        return next((verdict for verdict in _WORST_FIRST if verdict in verdicts), Verdict.OK)

    @property
    def findings(self) -> Iterator[Finding]:
        """What was found in the store, as far as it was kept."""
        return (finding for group in self._groups for finding in group.findings)

    @property
    def _groups(self) -> list[Group]:
        return list(self.examination.tally.groups.values()) if self.examination else [Group(rule) for rule in RULES]

    def _store_check(self, group: Group) -> Checked:
        rule = group.rule
        if not group.count:
            finished = self.examination is not None and self.examination.finished
            return Checked(rule.name, Verdict.OK, self._sound(group)) if finished else unknown(rule.name, self.why)
        return Checked(
            rule.name, group.verdict, _seen(group), "" if group.verdict is Verdict.OK else self._advice(rule)
        )

    def _advice(self, rule: Rule) -> str:
        repairs = self.examination is not None and self.examination.repairs
        repair = f"`dts doctor --repair` {rule.repair}" if rule.repair and not repairs else ""
        return "; ".join(filter(None, (repair, rule.advice)))

    def _sound(self, group: Group) -> str:
        examination = self.examination
        if examination is None:
            return group.rule.holds
        if group.rule in (HASHES, HISTORIES):
            return f"{group.rule.holds} ({examination.read} of {examination.looked} tasks read)"
        if group.rule is AGENTS:
            return f"{group.rule.holds}: {_some(examination.agents)}"
        return group.rule.holds


def _seen(group: Group) -> str:
    if group.count == 1:
        (finding,) = group.findings
        return f"{finding.subject}: {finding.done or finding.seen}"
    repaired = f", {group.repaired} repaired" if group.repaired else ""
    return f"{group.count} found{repaired}: {_some([finding.subject for finding in group.findings])}"


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:NAMED], *(["…"] if len(names) > NAMED else [])])
