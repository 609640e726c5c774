"""Agents: how loaded they are, and who may be given new tasks."""

from flask import Response

from common.domain.status import Answer
from common.tokens import Role
from stage4_api.api.desk import surely
from stage4_api.api.problems import NOT_FOUND, Problem
from stage4_api.api.routes import path_of
from stage5_ops.console.visit import Page, Said, Visit


def list_agents(visit: Visit) -> Response:
    """All agents that ever were here; those that are gone come last."""
    seen = visit.console.glance.now()["agents"]
    ordered = sorted(seen, key=lambda one: (one["state"] == "gone", one["agent"]))
    return visit.page("agents.html", live=True, agents=ordered)


def drain(visit: Visit) -> Response:
    """Give it nothing new; what it holds goes on."""
    agent = _agent(visit)
    return _said(visit, "drain", agent, surely(lambda: visit.desk.service.drain(agent, visit.by)))


def resume(visit: Visit) -> Response:
    """Let it have tasks again."""
    agent = _agent(visit)
    return _said(visit, "resume", agent, surely(lambda: visit.desk.service.resume(agent, visit.by)))


def _said(visit: Visit, verb: str, agent: str, answer: Answer) -> Response:
    if answer is Answer.NOT_FOUND:
        raise Problem(NOT_FOUND, f"no agent {agent!r} was ever here")
    kind = "good" if answer is Answer.OK else "note"
    return visit.then("/agents", Said(f"{verb}.{answer}", kind, {"agent": agent}))


def _agent(visit: Visit) -> str:
    return path_of({"agent": visit.path["agent"]})["agent"]


PAGES = [
    Page("GET", "/agents", Role.VIEWER, list_agents),
    Page("POST", "/agents/<agent>/drain", Role.ADMIN, drain),
    Page("POST", "/agents/<agent>/resume", Role.ADMIN, resume),
]
