"""Stage 5 as a lesson: its beats, in order. What is said to them stands in lesson/<language>.toml."""

from common.lab.acts import Fault
from common.lab.asking import Ask, Keep
from common.lab.browsing import Browse
from common.lab.probes.door import answered, provided
from common.lab.probes.figures import figure, measured_by
from common.lab.probes.logs import traced
from common.lab.probes.members import led, registered
from common.lab.probes.tasks import all_ended, sound
from common.lab.scenario import (
    AGENTS,
    BUS,
    DOOR,
    PROCESSES,
    REAL_PROCESSES,
    SAID,
    SCHEDULERS,
    TASKS,
    Beat,
    Claim,
    Do,
    Hurt,
    Ledger,
    Scenario,
)

CALM = Keep("calm", "echo counted", 20)
AGENT_LOAD = Keep("orphan", "sleep 0.5; echo done", 30)
LEADER_LOAD = Keep("leaderless", "sleep 0.1; echo done", 30)
MANAGER_LOAD = Keep("unmanaged", "sleep 0.1; echo done", 30)
BUS_LOAD = Keep("busless", "sleep 0.1; echo done", 30)
REGISTRY_LOAD = Keep("unregistered", "sleep 0.1; echo done", 30)
LATER = Keep("later", "echo done", 10)
EVERYWHERE = (AGENT_LOAD, LEADER_LOAD, MANAGER_LOAD, LATER)
ENDED = "dts_task_end_to_end_seconds_count"
"""Managers count it: it outlives an agent that lost its lease."""

BEATS = (
    Beat(
        "figures",
        Claim("agents", registered("agent", 3)),
        Claim("leader", led()),
        Claim("all", measured_by(8), shows="every-process-measures"),
        Do(Ask("measures", "GET", "/metrics")),
        Claim("measures", answered("measures", 200), shows="every-process-measures", closes="nobody-measures"),
        Do(Ask("targets", "GET", "/metrics/targets")),
        Claim("targets", answered("targets", 200), shows="every-process-measures"),
        look=(DOOR, SCHEDULERS, AGENTS),
    ),
    Beat(
        "count",
        Do(CALM),
        Claim("ended", all_ended("SUCCESS", *CALM.tasks)),
        Claim("counted", figure(ENDED, 20, status="SUCCESS", at_least=True), shows="figures-tell-what-was"),
        Claim(
            "stands", figure("dts_tasks", 20, over=max, status="SUCCESS", at_least=True), shows="figures-tell-what-is"
        ),
        Claim("leads", figure("dts_scheduler_leading", 1), shows="figures-tell-what-is"),
        look=(TASKS,),
    ),
    Beat(
        "trail",
        Do(Ask("traced", "POST", "/api/v1/tasks", "traced", {"taskId": "{task}", "content": "echo followed"})),
        Claim("ended", all_ended("SUCCESS", "traced")),
        Claim("trail", traced("traced", "agent", "api", "manager", "scheduler"), shows="one-trail-through-all"),
        look=(TASKS, SAID),
        needs=REAL_PROCESSES,
    ),
    Beat(
        "console",
        Do(Browse("page", "/")),
        Claim("page", answered("page", "text/html"), shows="people-can-look"),
        look=(DOOR,),
    ),
    Beat(
        "kill-agent",
        Do(AGENT_LOAD),
        Hurt(Fault("kill", "agent-1")),
        Claim("taken", answered(AGENT_LOAD.name, 200, 201, times=AGENT_LOAD.times)),
        Claim("seen", figure("dts_scheduler_agents", 2), shows="figures-tell-trouble", within=30),
        Claim("ended", all_ended("SUCCESS", *AGENT_LOAD.tasks), shows="work-outlives-an-agent", within=30),
        Do(Fault("start", "agent-1")),
        Claim("back", figure("dts_scheduler_agents", 3), shows="figures-tell-trouble", within=30),
        look=(AGENTS, TASKS, PROCESSES),
    ),
    Beat(
        "kill-leader",
        Do(LEADER_LOAD),
        Hurt(Fault("kill", "leader")),
        Claim("taken", answered(LEADER_LOAD.name, 200, 201, times=LEADER_LOAD.times)),
        Claim("ended", all_ended("SUCCESS", *LEADER_LOAD.tasks), shows="work-outlives-a-leader", within=30),
        Claim("leads", figure("dts_scheduler_leading", 1), shows="figures-tell-trouble", within=30),
        Do(Fault("start", "dead")),
        look=(SCHEDULERS, TASKS),
    ),
    Beat(
        "kill-manager",
        Do(MANAGER_LOAD),
        Hurt(Fault("kill", "manager-1")),
        Claim(
            "taken", answered(MANAGER_LOAD.name, 200, 201, times=MANAGER_LOAD.times), shows="work-outlives-a-manager"
        ),
        Claim("ended", all_ended("SUCCESS", *MANAGER_LOAD.tasks), shows="work-outlives-a-manager", within=30),
        Do(Fault("start", "manager-1")),
        Claim("back", provided(2), within=30),
        look=(DOOR, TASKS),
    ),
    Beat(
        "no-broker",
        Do(BUS_LOAD),
        Hurt(Fault("stop", "kafka")),
        Claim("taken", answered(BUS_LOAD.name, 200, 201, times=BUS_LOAD.times)),
        Do(Fault("start", "kafka")),
        Claim("ended", all_ended("SUCCESS", *BUS_LOAD.tasks), within=60),
        look=(BUS, TASKS),
        needs="kafka",
    ),
    Beat(
        "no-registry",
        Do(REGISTRY_LOAD),
        Hurt(Fault("stop", "zookeeper")),
        Claim("taken", answered(REGISTRY_LOAD.name, 200, 201, times=REGISTRY_LOAD.times)),
        Do(Fault("start", "zookeeper")),
        Claim("ended", all_ended("SUCCESS", *REGISTRY_LOAD.tasks), within=60),
        Claim("back", registered("agent", 3), within=60),
        look=(AGENTS, TASKS),
        needs="zookeeper",
    ),
    Beat(
        "no-store",
        Hurt(Fault("stop", "redis")),
        Do(Ask("away", "GET", "/api/v1/tasks")),
        Claim("away", answered("away", 503), shows="trouble-is-told"),
        Do(Fault("start", "redis")),
        Claim("leader", led(), within=30),
        Claim("back", figure("dts_scheduler_agents", 3), within=30),
        Do(LATER),
        Claim("ended", all_ended("SUCCESS", *LATER.tasks), shows="trouble-passes", within=60),
        look=(DOOR, TASKS, PROCESSES),
    ),
    Beat(
        "sound",
        Claim(
            "sound", sound(*(task for load in EVERYWHERE for task in load.tasks)), shows="nothing-lost-nothing-at-once"
        ),
        look=(TASKS,),
        private=True,
    ),
)

LEDGER = Ledger(
    holds=(
        "every-process-measures",
        "figures-tell-what-was",
        "figures-tell-what-is",
        "one-trail-through-all",
        "people-can-look",
        "figures-tell-trouble",
        "work-outlives-an-agent",
        "work-outlives-a-leader",
        "work-outlives-a-manager",
        "trouble-is-told",
        "trouble-passes",
        "nothing-lost-nothing-at-once",
    ),
    lacks={},
)

SCENARIO = Scenario(
    BEATS,
    LEDGER,
    texts="stage5_ops.lesson",
    settings={
        "DTS_LEASE": "2",
        "DTS_SESSION": "2",
        "DTS_GRACE": "1",
        "DTS_SLOTS": "4",
        "DTS_HEARTBEAT": "0.5",
    },
    next_commands=(
        "dts up 5 -d --profile real",
        'eval "$(dts env)"',
        'curl -H "Authorization: Bearer $DTS_API_TOKEN" "$DTS_API_URL/metrics/targets"',
        "dts trace <ID of a task>",
        "dts look",
        "dts fault kill agent-1",
        "dts diff 4 5",
        "dts down",
    ),
)
