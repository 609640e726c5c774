"""Agents: who they are, and who may be given new tasks."""

from collections.abc import Callable

from common.domain.status import Answer
from common.tokens import Role
from stage4_api.api import models
from stage4_api.api.desk import Desk, surely
from stage4_api.api.problems import NOT_FOUND, Problem
from stage4_api.api.routes import Answered, Asked, Reply, Route


def list_agents(desk: Desk, _asked: Asked) -> Reply:
    """All agents that ever were here. `state` is live, drained, quarantined (it kept dying), or gone."""
    return Reply({"agents": desk.service.agents()})


def drain_agent(desk: Desk, asked: Asked) -> Reply:
    """Give an agent nothing new, from now on until it is resumed; what it holds goes on."""
    return _shut(desk.service.drain, asked, drained=True)


def resume_agent(desk: Desk, asked: Asked) -> Reply:
    """Let an agent have tasks again that was drained, or put into quarantine."""
    return _shut(desk.service.resume, asked, drained=False)


def _shut(act: Callable[[str, str], Answer], asked: Asked, *, drained: bool) -> Reply:
    agent = asked.path["agent"]
    if surely(lambda: act(agent, asked.by)) is Answer.NOT_FOUND:
        raise Problem(NOT_FOUND, f"no agent {agent!r} was ever here")
    return Reply({"agent": agent, "drained": drained})


def _post(what: str, handler: Callable[[Desk, Asked], Reply], about: str) -> Route:
    return Route(
        method="POST",
        path=f"/api/v1/agents/{{agent}}/{what}",
        role=Role.ADMIN,
        handler=handler,
        answers={200: Answered(about, models.AgentShut)},
        problems=(NOT_FOUND,),
    )


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/agents",
        role=Role.VIEWER,
        handler=list_agents,
        answers={200: Answered("The agents.", models.Agents)},
    ),
    _post("drain", drain_agent, "It gets nothing new."),
    _post("resume", resume_agent, "It gets tasks again."),
]
