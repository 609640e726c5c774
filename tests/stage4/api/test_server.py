"""The server beneath: a real socket, slow and rude clients, and its end."""

import json

from tests.stage4.api.conftest import Door


def test_it_serves_at_a_port_of_its_own(door: Door) -> None:
    connection = door.connect()
    connection.request("POST", "/api/v1/tasks", b'{"content": "true"}', {"Content-Type": "application/json"})
    answer = connection.getresponse()
    task_id = json.loads(answer.read())["taskId"]
    assert answer.status == 201
    connection.request("GET", f"/api/v1/tasks/{task_id}")
    answer = connection.getresponse()
    assert json.loads(answer.read())["status"] == "PENDING"
    connection.close()
