"""The four dashboards: what each shows. `python -m stage5_ops.monitoring.dashboards.boards` writes them anew.

Rates look back over $__rate_interval, which Grafana chooses by what is shown; alerts have their own in rules.yml.
"""

import json
from pathlib import Path

from stage5_ops.monitoring.dashboards.panels import Board, Panel, Query, document

MINE = 'member=~"$member"'


def _rate(figure: str, by: str, only: str = "") -> str:
    chosen = f"{{{only}}}" if only else ""
    return f"sum by ({by}) (rate({figure}{chosen}[$__rate_interval]))"


def _share(figure: str, share: float, by: str = "", only: str = "") -> str:
    """Of a histogram: the value that so many of a hundred don't exceed."""
    return f"histogram_quantile({share}, {_rate(f'{figure}_bucket', f'{by}, le' if by else 'le', only)})"


def _stat(title: str, expr: str, unit: str = "short", bad: float | None = None, *, below: bool = False) -> Panel:
    return Panel(title, [Query(expr)], unit, "stat", width=4, bad=bad, bad_below=below)


def _process(only: str) -> list[Panel]:
    """What every process tells of itself."""
    return [
        Panel("Processor", [Query(f"rate(process_cpu_seconds_total{{{only}}}[$__rate_interval])", "{{member}}")]),
        Panel("Memory", [Query(f"process_resident_memory_bytes{{{only}}}", "{{member}}")], "bytes"),
        Panel("Open files", [Query(f"process_open_fds{{{only}}}", "{{member}}")]),
    ]


OVERVIEW = Board(
    "dts-overview",
    "dts: overview",
    "Whether all is well, what there is to do, and how fast it is done.",
    {
        "Now": [
            _stat("Leaders", "dts:leaders:sum", bad=1, below=True),
            _stat("Agents", "dts:agents:live", bad=1, below=True),
            _stat("Busy slots", "sum(dts_agent_running) / sum(dts_agent_slots)", "percentunit", 0.95),
            _stat("Tasks that wait", 'dts:tasks:max{status="PENDING"}'),
            _stat("The next one waits", "max(dts_next_waits_seconds)", "s", 60),
            _stat("Alerts", 'count(ALERTS{alertstate="firing", severity!="info"}) or vector(0)', bad=1),
        ],
        "Tasks": [
            Panel("Tasks by status", [Query('dts:tasks:max{status!~"SUCCESS|FAILED|CANCELLED"}', "{{status}}")]),
            Panel("Attempts that end", [Query(_rate("dts_agent_attempts_total", "status"), "{{status}}")], "ops"),
            Panel(
                "Why attempts fail",
                [Query(_rate("dts_agent_attempts_total", "reason", 'status!="SUCCESS"'), "{{reason}}", quiet=True)],
                "ops",
            ),
            Panel(
                "Until a task begins",
                [Query(_share("dts_task_wait_seconds", share), f"{share:.0%}") for share in (0.5, 0.95)],
                "s",
            ),
            Panel(
                "Until its end is stored",
                [Query(_share("dts_task_end_to_end_seconds", share), f"{share:.0%}") for share in (0.5, 0.95)],
                "s",
            ),
            Panel("Messages that wait for managers", [Query("dts:bus_waiting:max", "{{destination}}")]),
        ],
        "The parts": [
            Panel("Processes that answer", [Query("dts:members:up", "{{role}}")]),
            Panel("Requests", [Query(_rate("dts_api_requests_total", "code"), "{{code}}")], "reqps"),
            Panel(
                "Warnings and errors in logs",
                [
                    Query(
                        "sum by (role, level) (increase(dts_log_messages_total[$__rate_interval]))",
                        "{{role}} {{level}}",
                    )
                ],
            ),
        ],
    },
)

SCHEDULING = Board(
    "dts-scheduling",
    "dts: scheduling",
    "Who leads, what the store accepts and refuses, and how managers keep up.",
    {
        "The leader": [
            Panel("Who leads", [Query("dts_scheduler_leading", "{{member}}")], stacked=True),
            Panel("Term", [Query("dts_scheduler_epoch", "{{member}}")], about="Only grows; a new one is a new leader."),
            Panel(
                "Agents and slots, as it sees them",
                [Query("dts:agents:live", "agents"), Query("dts:slots:live", "slots")],
            ),
        ],
        "Giving out": [
            Panel("Waiting", [Query('dts:tasks:max{status="PENDING"}', "PENDING")]),
            Panel("The next one waits", [Query("max(dts_next_waits_seconds)", "seconds")], "s"),
            Panel(
                "Given, started, ended",
                [
                    Query(
                        _rate("dts_store_answers_total", "verb", 'answer="OK", verb=~"assign|start|report"'), "{{verb}}"
                    )
                ],
                "ops",
            ),
            Panel(
                "Refused by the store",
                [
                    Query(
                        _rate("dts_store_answers_total", "verb, answer", 'answer!~"OK|SAME|REQUESTED"'),
                        "{{verb}} {{answer}}",
                        quiet=True,
                    )
                ],
                "ops",
                about="Each is dts protecting a task; many of them are worth a look (RefusedWrites).",
            ),
            Panel(
                "Taken back from agents",
                [Query(_rate("dts_store_answers_total", "answer", 'verb="requeue"'), "{{answer}}", quiet=True)],
                "ops",
            ),
            Panel("Agents that get nothing new", [Query("max by (why) (dts_shut_agents)", "{{why}}")]),
        ],
        "Managers": [
            Panel("Messages taken", [Query(_rate("dts_manager_messages_total", "member"), "{{member}}")], "ops"),
            Panel(
                "Since they last looked for more",
                [Query("time() - dts_manager_take_timestamp_seconds", "{{member}}")],
                "s",
            ),
            Panel("Waiting for them", [Query("dts:bus_waiting:max", "{{destination}}")]),
            Panel(
                "Since the store was last looked at", [Query("time() - max(dts_survey_timestamp_seconds)", "s")], "s"
            ),
            Panel("Dead letters", [Query("max by (destination) (dts_dead_letters)", "{{destination}}")]),
            Panel("Tasks given up", [Query("max(dts_given_up_tasks)", "tasks")]),
        ],
    },
)

AGENTS = Board(
    "dts-agents",
    "dts: agents",
    "What each agent runs, how its attempts end, and how safe it is of its lease.",
    {
        "Load": [
            Panel("Running", [Query(f"dts_agent_running{{{MINE}}}", "{{member}}")], stacked=True),
            Panel("Busy slots", [Query(f"dts_agent_running{{{MINE}}} / dts_agent_slots", "{{member}}")], "percentunit"),
            Panel("Told, and not begun", [Query(f"dts_agent_waiting{{{MINE}}}", "{{member}}")]),
        ],
        "Attempts": [
            Panel(
                "Ends",
                [Query(_rate("dts_agent_attempts_total", "member, status", MINE), "{{member}} {{status}}")],
                "ops",
            ),
            Panel("By type", [Query(_rate("dts_agent_attempts_total", "type", MINE), "{{type}}")], "ops"),
            Panel(
                "Why they fail",
                [
                    Query(
                        _rate("dts_agent_attempts_total", "member, reason", f'{MINE}, status!="SUCCESS"'),
                        "{{member}} {{reason}}",
                        quiet=True,
                    )
                ],
                "ops",
            ),
            Panel(
                "How long they run (95 %)",
                [Query(_share("dts_agent_run_seconds", 0.95, "status", MINE), "{{status}}")],
                "s",
            ),
            Panel(
                "What they print", [Query(_rate("dts_agent_output_bytes_total", "member", MINE), "{{member}}")], "Bps"
            ),
            Panel("Ends not told yet", [Query(f"dts_agent_unreported{{{MINE}}}", "{{member}}")]),
        ],
        "Safety and process": [
            Panel(
                "Lease left",
                [Query(f"dts_agent_lease_margin_seconds{{{MINE}}} / dts_agent_lease_seconds", "{{member}}")],
                "percentunit",
                about="At zero its tasks are ended, and run elsewhere. LeaseMarginLow fires below 30 %.",
            ),
            Panel(
                "Age of the process",
                [Query(f'time() - process_start_time_seconds{{job="dts", role="agent", {MINE}}}', "{{member}}")],
                "s",
            ),
            *_process(f'job="dts", role="agent", {MINE}'),
        ],
    },
    by_member="agent",
)

API = Board(
    "dts-api",
    "dts: API and RPC",
    "How clients are answered, and how task-managers answer task-apis and agents.",
    {
        "At the door": [
            Panel(
                "Requests by route",
                [Query(_rate("dts_api_requests_total", "method, route"), "{{method}} {{route}}")],
                "reqps",
            ),
            Panel(
                "Requests by code", [Query(_rate("dts_api_requests_total", "code"), "{{code}}")], "reqps", stacked=True
            ),
            Panel(
                "Answered with an error of ours",
                [
                    Query(
                        'sum(rate(dts_api_requests_total{code=~"5.."}[$__rate_interval]))'
                        " / sum(rate(dts_api_requests_total[$__rate_interval]))",
                        "5xx",
                        quiet=True,
                    )
                ],
                "percentunit",
            ),
            Panel(
                "Half are answered within", [Query(_share("dts_api_request_seconds", 0.5, "route"), "{{route}}")], "s"
            ),
            Panel(
                "99 % are answered within", [Query(_share("dts_api_request_seconds", 0.99, "route"), "{{route}}")], "s"
            ),
            Panel(
                "Being answered",
                [Query("dts_api_open_requests", "{{member}}")],
                about="Streams and requests that wait for news hold a thread of DTS_API_THREADS each.",
            ),
        ],
        "Calls by RPC": [
            Panel("Calls", [Query(_rate("dts_rpc_calls_total", "method"), "{{method}}")], "ops"),
            Panel(
                "99 % are answered within", [Query(_share("dts_rpc_call_seconds", 0.99, "method"), "{{method}}")], "s"
            ),
            Panel(
                "Not answered well",
                [Query(_rate("dts_rpc_calls_total", "method, outcome", 'outcome!="ok"'), "{{method}} {{outcome}}")],
                "ops",
            ),
        ],
        "Processes": _process('job="dts", role=~"api|manager"'),
    },
)

BOARDS = {"overview": OVERVIEW, "scheduling": SCHEDULING, "agents": AGENTS, "api": API}
"""By the name of the file."""


def text(board: Board) -> str:
    """What the file holds."""
    return json.dumps(document(board), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, board in BOARDS.items():
        Path(__file__).with_name(f"{name}.json").write_text(text(board), encoding="utf-8")
