"""Every Redis key of dts, built here and nowhere else.

    task:<taskId>              hash     the task, every field readable text
    task:<taskId>:history      list     one JSON entry per change, oldest first
    task:<taskId>:log:<n>      string   what attempt n printed, head and tail within its budget
    request:<requestId>        string   "<taskId> <digest>" of the task this requestId made
    tasks:<STATUS>             zset     ids of the tasks in that status, by the time they got there (ms)
    tasks:all                  zset     ids of all tasks, by the time they were made (ms)
    tasks:cancelling           zset     ids of running tasks that somebody asked to cancel, by when that was (ms)
    tasks:expiring             zset     ids of tasks that are to have started by a time, by that time (ms)
    tasks:dead                 list     JSON notes on tasks given up because agents kept dying with them
    queue:tasks                list     whole JSON tasks, pushed by hand with LPUSH
    queue:tasks:moving         list     <consumer> suffix; taken off a queue, not yet stamped with an id
    queue:tasks:held           hash     <consumer> suffix; message id -> body, taken and not yet settled
    queue:tasks:dead           list     JSON {"id", "at", "reason", "body"} of messages nobody could read
    queue:pending              zset     ids of the tasks ready to be taken, in their turn: since when, by priority (ms)
    queue:agent:<agentId>      list     messages on the attempts that are this agent's (and :moving, :held, :dead)
    queue:status               list     status updates of agents, where the bus is Redis (and :moving, :held, :dead)
    queue:logs                 list     their output, likewise
    queue:status:reader        string   the manager that reads both now; expires
    heartbeats                 hash     agent -> its newest heartbeat, JSON, where the bus is Redis
    reports:applied            hash     agent -> "<boot> <number>" of its newest status update that a manager applied
    reports:refused            hash     answer -> how many updates of agents were refused so
    queue:delayed              zset     ids of the tasks that wait for their time or a retry, by when that is (ms)
    bell:pending               list     at most one element; rung when something became ready
    agent:<agentId>:tasks      zset     ids of the tasks this agent holds, by the time they were given to it (ms)
    agent:<agentId>            hash     an agent's lease (boot, its facts, how the boot before ended); expires
    agents:known               set      ids of all agents that ever held a lease
    agents:drained             set      ids of the agents that were told to take nothing new
    agents:quarantined         zset     ids of agents that get nothing for a while, by when that is over (ms)
    agents:evicted             zset     boots that may hold no lease any more, by when that is forgotten (ms)
    control:<agentId>          channel  ids of tasks that this agent should end; a hint, the hash is the truth
    leader:epoch               string   the newest scheduler term seen
    registry:<group>           zset     members of a group, by when they count as gone (ms)
    registry:<group>:info      hash     member -> what it says of itself, JSON
    registry:<group>:changed   channel  a member came or went; a hint
    office:<office>            hash     who leads (candidate, token, epoch), until when (ms); the epoch is kept

One optional namespace stands before all of them (`Keys("{s1}:")`), so that several platforms can
share a server, or several shards a cluster.
"""

from common.domain.status import Status


class Keys:
    """Builds keys under one namespace; holds nothing else. Safe to share between threads."""

    def __init__(self, namespace: str = "") -> None:
        self.namespace = namespace
        self.indexes = [self.index(status) for status in Status]
        """The status indexes in the order of `Status`: the first keys of every verb's script."""
        self.all = f"{namespace}tasks:all"
        self.dead = f"{namespace}tasks:dead"
        self.expiring = f"{namespace}tasks:expiring"
        self.cancelling = f"{namespace}tasks:cancelling"
        self.status_queue = f"{namespace}queue:status"
        self.logs_queue = f"{namespace}queue:logs"
        self.heartbeats = f"{namespace}heartbeats"
        self.applied = f"{namespace}reports:applied"
        self.refused = f"{namespace}reports:refused"
        self.pending = f"{namespace}queue:pending"
        self.delayed = f"{namespace}queue:delayed"
        self.known_agents = f"{namespace}agents:known"
        self.drained = f"{namespace}agents:drained"
        self.quarantined = f"{namespace}agents:quarantined"
        self.evicted = f"{namespace}agents:evicted"
        self.bell = f"{namespace}bell:pending"
        self.epoch = f"{namespace}leader:epoch"
        self.tasks_queue = f"{namespace}queue:tasks"
        self.task_prefix = f"{namespace}task:"
        """For the one script that pops ids and so can't be told their keys beforehand."""
        self.control_prefix = f"{namespace}control:"

    def task(self, task_id: str) -> str:
        return f"{self.task_prefix}{task_id}"

    def history(self, task_id: str) -> str:
        return f"{self.task_prefix}{task_id}:history"

    def log(self, task_id: str, attempt: int) -> str:
        return f"{self.task_prefix}{task_id}:log:{attempt}"

    def request(self, request_id: str) -> str:
        return f"{self.namespace}request:{request_id}"

    def index(self, status: Status) -> str:
        return f"{self.namespace}tasks:{status}"

    def agent(self, agent_id: str) -> str:
        return f"{self.namespace}agent:{agent_id}"

    def held_tasks(self, agent_id: str) -> str:
        return f"{self.agent(agent_id)}:tasks"

    def agent_queue(self, agent_id: str) -> str:
        return f"{self.namespace}queue:agent:{agent_id}"

    def control(self, agent_id: str) -> str:
        return f"{self.control_prefix}{agent_id}"

    def registry(self, group: str) -> list[str]:
        """The members of a group, what they say of themselves, and the channel."""
        members = f"{self.namespace}registry:{group}"
        return [members, f"{members}:info", f"{members}:changed"]

    def office(self, office: str) -> str:
        return f"{self.namespace}office:{office}"

    def reader(self, queue: str) -> str:
        return f"{queue}:reader"

    def moving(self, queue: str, consumer: str) -> str:
        return f"{queue}:moving:{consumer}"

    def held(self, queue: str, consumer: str) -> str:
        return f"{queue}:held:{consumer}"

    def dead_letters(self, queue: str) -> str:
        return f"{queue}:dead"
