"""A whole stage 5 with all its ways secured at once: Redis, Kafka and RPC by TLS, passwords, ACLs in ZooKeeper."""

from pathlib import Path

import pytest

from common.lab.cluster import Cluster
from common.lab.errors import MissingServer
from common.lab.until import until
from tests.certificates import certified
from tests.conftest import BinaryOf, give_up
from tests.secured import files, redis_environment, secured_kafka, secured_redis
from tests.stage5.roles import WITHIN, roles


@pytest.mark.timeout(300)
def test_tasks_run_where_every_way_is_secured(zookeeper: Cluster, binary_of: BinaryOf, tmp_path: Path) -> None:
    ours = certified(tmp_path)
    for name in ("redis", "kafka", "roles"):
        (tmp_path / name).mkdir()
    try:
        with (
            secured_redis(binary_of("real"), tmp_path / "redis", ours) as (_, port),
            secured_kafka(tmp_path / "kafka", ours) as kafka,
            roles(
                tmp_path / "roles",
                {
                    **redis_environment(ours, port),
                    **kafka.environment(),
                    **files("RPC", ours),
                    "DTS_RPC_SECRET": "known to these processes alone",
                    "DTS_ZOOKEEPER": f"{zookeeper.environment['DTS_ZOOKEEPER']}/secured",
                    "DTS_ZOOKEEPER_AUTH": "dts:only ours",
                    "DTS_SESSION": "6",
                },
            ) as running,
        ):
            running.start("manager-1", "scheduler-1", "api-1", "agent-1")
            status, told = running.ask("POST", "/tasks", {"content": "echo hello"})
            assert status == 201, told
            until(lambda: running.ended_well(told["taskId"]), within=WITHIN, what="a task to end well")
            assert running.ask("GET", f"/tasks/{told['taskId']}")[1]["result"] == "hello\n"
            for name in ("manager-1", "scheduler-1", "api-1", "agent-1"):
                assert "only ours" not in running.log(name)
    except MissingServer as missing:
        give_up(missing)
