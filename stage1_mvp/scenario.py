"""Stage 1 as a lesson: its beats, in order. What is said to them stands in lesson/<language>.toml."""

from common.lab.acts import Fault, Push
from common.lab.probes.bus import dead_letter, length
from common.lab.probes.logs import says
from common.lab.probes.members import lease, member, process
from common.lab.probes.tasks import fields, output, same, signed, trail, verbs
from common.lab.scenario import (
    AGENTS,
    PROCESSES,
    QUEUES,
    SAID,
    TASKS,
    Beat,
    Claim,
    Do,
    Gap,
    Hurt,
    Ledger,
    Scenario,
)

AGENT = "agent-1"
ONCE = ("submit", "assign", "start", "report")
"""What is done to a task that runs once."""

BEATS = (
    Beat(
        "push",
        Do(Push("hello", "echo working; sleep 0.6; echo hello, world")),
        Claim("accepted", fields("hello", type="SHELL"), shows="hand-pushed-task-runs"),
        Claim("succeeds", fields("hello", status="SUCCESS", exitCode="0"), shows="hand-pushed-task-runs"),
        look=(TASKS, QUEUES),
    ),
    Beat(
        "stored",
        Claim("order", trail("hello", "PENDING", "SCHEDULED", "RUNNING", "SUCCESS"), shows="order-of-states"),
        Claim("signed", signed("hello"), shows="order-of-states"),
        Claim("result", fields("hello", result="working\nhello, world\n"), shows="result-and-output-stored"),
        Claim("output", output("hello", 1, "working\nhello, world\n"), shows="result-and-output-stored"),
        look=(TASKS,),
    ),
    Beat(
        "python",
        Do(Push("sum", "import sys\nprint(sum(map(int, sys.argv[1:])))", "PYTHON", {"args": ["20", "22"]})),
        Claim("result", fields("sum", status="SUCCESS", result="42\n"), shows="python-task-runs"),
        look=(TASKS,),
    ),
    Beat(
        "failing",
        Do(Push("wrong", "echo no such customer; exit 3")),
        Do(Push("endless", "sleep 600", more={"timeout": 0.5})),
        Claim(
            "reason", fields("wrong", status="FAILED", reason="EXIT_CODE", exitCode="3"), shows="failure-has-a-reason"
        ),
        Claim("limit", fields("endless", status="FAILED", reason="TIMEOUT"), shows="time-limit-is-kept"),
        look=(TASKS,),
    ),
    Beat(
        "unreadable",
        Do(Push("torn", "echo hi", torn=True)),
        Do(Push("after", "echo still here")),
        Claim("kept", dead_letter("torn", "not JSON"), shows="unreadable-message-kept"),
        Claim("next", fields("after", status="SUCCESS"), shows="agent-survives-bad-input"),
        Claim("same", same("boot", "hello", "after"), shows="agent-survives-bad-input"),
        look=(QUEUES, TASKS, AGENTS),
    ),
    Beat(
        "twice",
        Do(Push("pay", "echo paid")),
        Do(Push("pay", "echo paid")),
        Do(Push("pay", "echo paid to somebody else")),
        Claim("refused", dead_letter("pay", "exists already with another body"), shows="other-body-refused"),
        Claim("once", verbs("pay", *ONCE), shows="duplicate-submit"),
        Claim("first", fields("pay", attempt="1", result="paid\n"), shows="duplicate-submit"),
        look=(TASKS, QUEUES),
    ),
    Beat(
        "long",
        Do(Push("report", "echo attempt $TASK_ATTEMPT; [ $TASK_ATTEMPT -gt 1 ] || exec sleep 600")),
        Claim("running", fields("report", status="RUNNING", attempt="1")),
        Claim("process", process("report", 1, lives=True)),
        look=(TASKS, PROCESSES),
        private=True,
    ),
    Beat(
        "kill",
        Hurt(Fault("kill", AGENT)),
        Claim("dead", member(AGENT, "dead")),
        Claim("ended", process("report", 1, lives=False), shows="commands-end-with-their-agent"),
        Claim("unaware", fields("report", status="RUNNING", attempt="1")),
        look=(TASKS, PROCESSES),
    ),
    Beat(
        "nobody",
        Do(Push("urgent", "echo at last")),
        Claim("kept", length(lambda keys: keys.tasks_queue, 1), shows="pushed-task-waits-for-agent"),
        Gap("dead-agent-unnoticed", lease(AGENT, held=False), fields("report", status="PENDING"), closed_by=2),
        Gap("no-failover", lease(AGENT, held=False), fields("urgent", status="SUCCESS"), closed_by=2),
        look=(TASKS, QUEUES, AGENTS, PROCESSES),
    ),
    Beat(
        "again",
        Do(Fault("start", AGENT)),
        Claim(
            "finished",
            fields("report", status="SUCCESS", attempt="2", result="attempt 2\n"),
            shows="held-task-survives-restart",
        ),
        Claim(
            "history",
            verbs("report", "submit", "assign", "start", "requeue", "assign", "start", "report"),
            shows="held-task-survives-restart",
        ),
        Claim("gone", process("report", 1, lives=False), shows="attempts-never-overlap"),
        Claim("urgent", fields("urgent", status="SUCCESS"), shows="pushed-task-waits-for-agent"),
        look=(TASKS, QUEUES, PROCESSES),
    ),
    Beat(
        "outage",
        Hurt(Fault("stop", "redis")),
        Claim("says", says(AGENT, "Redis is away"), shows="waits-for-redis"),
        Claim("alive", member(AGENT, "running"), shows="waits-for-redis"),
        look=(PROCESSES, SAID),
    ),
    Beat(
        "back",
        Do(Fault("start", "redis")),
        Do(Push("later", "echo here we are again")),
        Claim("on", fields("later", status="SUCCESS"), shows="waits-for-redis"),
        Claim("kept", fields("hello", status="SUCCESS"), shows="tasks-survive-redis-restart"),
        look=(TASKS, PROCESSES, SAID),
    ),
    Beat(
        "last",
        Do(Push("goodbye", "sleep 0.8; echo goodbye")),
        Claim("running", fields("goodbye", status="RUNNING")),
        Hurt(Fault("stop", AGENT)),
        Claim("finished", fields("goodbye", status="SUCCESS", attempt="1"), shows="stop-lets-tasks-end"),
        Claim("lease", lease(AGENT, held=False), shows="stop-gives-lease-back"),
        Claim("stopped", member(AGENT, "stopped"), shows="stop-lets-tasks-end"),
        look=(TASKS, AGENTS, PROCESSES),
    ),
)

LEDGER = Ledger(
    holds=(
        "hand-pushed-task-runs",
        "order-of-states",
        "result-and-output-stored",
        "python-task-runs",
        "failure-has-a-reason",
        "time-limit-is-kept",
        "unreadable-message-kept",
        "agent-survives-bad-input",
        "duplicate-submit",
        "other-body-refused",
        "pushed-task-waits-for-agent",
        "commands-end-with-their-agent",
        "held-task-survives-restart",
        "attempts-never-overlap",
        "waits-for-redis",
        "tasks-survive-redis-restart",
        "stop-lets-tasks-end",
        "stop-gives-lease-back",
    ),
    lacks={"dead-agent-unnoticed": 2, "no-failover": 2},
)

SCENARIO = Scenario(
    BEATS,
    LEDGER,
    texts="stage1_mvp.lesson",
    settings={"DTS_LEASE": "2", "DTS_GRACE": "1", "DTS_SLOTS": "2"},
    next_commands=(
        "dts up 1 -d",
        'eval "$(dts env)"',
        """redis-cli -u $DTS_REDIS_URL LPUSH queue:tasks '{"taskId":"mine","content":"date"}'""",
        "redis-cli -u $DTS_REDIS_URL HGETALL task:mine",
        "dts look",
        "dts verify 1",
        "dts down",
    ),
)
