"""A process in which all sorts of libraries log, warn and fail; each line that it writes is to be in JSON.

python -m tests.logs.process
"""

import logging
import threading
import warnings

import structlog

from common import logs

LIBRARIES = ("kazoo.client", "kafka.conn", "gunicorn.error", "werkzeug", "rpyc.core", "asyncio")


def main() -> None:
    logs.to_stderr("info", "json", logs.Speaker("agent", "agent-1"))
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO)
        logging.getLogger(name).error("trouble\nin %s", name)
    structlog.get_logger("third.party").warning("did it", task_id="t-1", colour="red")
    structlog.get_logger("third.party").debug("too much")
    try:
        raise ValueError("caught")
    except ValueError:
        structlog.get_logger("third.party").exception("failed")
    warnings.warn("old\nways", stacklevel=1)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    raise RuntimeError("the end")


if __name__ == "__main__":
    main()
