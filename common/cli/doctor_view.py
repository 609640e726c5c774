"""How `dts doctor` shows what it found: tables and advice on a terminal, bare rows in a pipe, or one JSON document."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from common.cli.console import Cell, details, document, note, on_terminal, say, table
from common.doctor.report import Report
from common.doctor.rules import Finding
from common.doctor.verdicts import Checked, Verdict

SHOWN = 20
"""Findings that a person is shown."""
_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.BAD: "bold red", Verdict.UNKNOWN: "magenta"}
_TITLES = {"machine": "This machine", "redis": "Redis", "store": "What is stored"}
_CLOSING = {
    Verdict.OK: "All is well.",
    Verdict.WARN: "Nothing is wrong; mind the warnings.",
    Verdict.BAD: "Something is wrong.",
    Verdict.UNKNOWN: "Nothing that was seen is wrong, but not all could be told.",
}


def show(report: Report) -> None:
    """Tables and advice for a person; in a pipe rows of verdict, check, subject, what was seen, what to do or was done.

    In a pipe a check with findings has one row for each of them.
    """
    if not on_terminal():
        table(("verdict", "check", "subject", "seen", "advice"), _rows(report))
        return
    for section, checks in report.sections.items():
        say(_TITLES[section])
        _show_checks(checks)
        say("")
    _show_findings(list(report.findings))
    _show_advice([checked for checks in report.sections.values() for checked in checks if checked.advice])
    note(Cell(_CLOSING[report.verdict], _STYLES[report.verdict]))


def show_json(report: Report) -> None:
    """One document."""
    checks = [_check_record(section, checked) for section, checks in report.sections.items() for checked in checks]
    examination = report.examination
    document(
        {
            "verdict": report.verdict,
            "checks": checks,
            "findings": [_finding_record(finding) for finding in report.findings],
            "tasksLookedAt": examination.looked if examination else 0,
            "tasksRead": examination.read if examination else 0,
        }
    )


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    found = defaultdict(list)
    for finding in report.findings:
        found[finding.rule.name].append(finding)
    for checks in report.sections.values():
        for checked in checks:
            if checked.name not in found:
                yield checked.verdict, checked.name, "", checked.seen, checked.advice
            for finding in found[checked.name]:
                yield _verdict(finding), checked.name, finding.subject, finding.seen, finding.done or checked.advice


def _show_checks(checks: Sequence[Checked]) -> None:
    """A table; but where nothing at all could be looked at, and always for the same reason, that is told once."""
    if len(checks) > 1 and {(checked.verdict, checked.seen) for checked in checks} == {
        (Verdict.UNKNOWN, checks[0].seen)
    }:
        details([("not looked at", ", ".join(checked.name for checked in checks)), ("why", checks[0].seen)])
        return
    rows = [(checked.name, Cell(checked.verdict, _STYLES[checked.verdict]), checked.seen) for checked in checks]
    table(("check", "verdict", "seen"), rows, elastic=["seen"])


def _show_findings(findings: Sequence[Finding]) -> None:
    if not findings:
        return
    rows = [
        (
            finding.rule.name,
            Cell(_verdict(finding), _STYLES[_state(finding)]),
            finding.subject,
            finding.done or finding.seen,
        )
        for finding in findings[:SHOWN]
    ]
    table(("check", "verdict", "of", "what was seen, or done"), rows, elastic=["of", "what was seen, or done"])
    if len(findings) > SHOWN:
        say(f"… and {len(findings) - SHOWN} more: --json lists them")
    say("")


def _show_advice(checks: Sequence[Checked]) -> None:
    if checks:
        details((checked.name, checked.advice) for checked in checks)
        say("")


def _verdict(finding: Finding) -> str:
    return "repaired" if finding.done else finding.rule.verdict


def _state(finding: Finding) -> Verdict:
    return Verdict.OK if finding.done else finding.rule.verdict


def _check_record(section: str, checked: Checked) -> dict[str, Any]:
    return {
        "section": section,
        "check": checked.name,
        "verdict": checked.verdict,
        "seen": checked.seen,
        "advice": checked.advice or None,
    }


def _finding_record(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.rule.name,
        "verdict": _verdict(finding),
        "subject": finding.subject,
        "seen": finding.seen,
        "repaired": finding.done or None,
    }
