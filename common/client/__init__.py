"""The client library: tasks from Python, by the REST API.

    from common.client import Client

    with Client("http://127.0.0.1:8080", token="…") as dts:
        task = dts.submit("make test", timeout=600, retries=2)
        for text in dts.follow(task.task_id):
            print(text, end="")
        print(dts.wait(task.task_id).status)

Errors are those of common.domain.errors; what the API refuses is a Refused, whose `code` is the API's.
"""

from common.client.client import Client
from common.client.http import Refused

__all__ = ["Client", "Refused"]
