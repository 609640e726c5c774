"""An agent in this process, wired by stage 1's own composition root, on whatever Redis a test has."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis import Redis

from common.domain.errors import DtsError
from common.lab.until import until
from common.running import Signals
from common.settings import Settings
from stage1_mvp.__main__ import run
from stage1_mvp.tether import Tether
from tests.stage1.desk import WITHIN, Desk


def settings_of(home: Path, **settings: Any) -> Settings:
    """Short times, so that tests need not wait, but a lease that a busy machine does not lose by itself."""
    usual: dict[str, Any] = {"agent": "agent-1", "home": home, "slots": 4, "lease": 6.0, "drain": 10.0, "grace": 0.3}
    return Settings.load({}, **usual | settings)


class Living:
    """`run` in a thread: from `start` on until `stop`."""

    def __init__(self, settings: Settings, client: Callable[..., Redis]) -> None:
        self.settings = settings
        self.signals = Signals()
        self.error: DtsError | None = None
        self._client = client
        self._thread = threading.Thread(target=self._live, name="living agent", daemon=True)

    def start(self) -> None:
        """Returns at once."""
        self._thread.start()

    def ready(self, desk: Desk) -> str:
        """Wait until it holds its lease; returns its boot."""
        key = desk.keys.agent(self.settings.agent)
        return until(lambda: str(desk.redis.hget(key, "boot") or ""), WITHIN, what="the agent to hold its lease")

    def tell(self) -> None:
        """As SIGTERM does: the first time to drain, the second to end at once."""
        (self.signals.hurry if self.signals.stop.is_set() else self.signals.stop).set()

    def gone(self, within: float = WITHIN) -> None:
        self._thread.join(within)
        assert not self._thread.is_alive(), "the agent does not end"

    def stop(self) -> None:
        """End it at once, and wait for it."""
        self.signals.stop.set()
        self.signals.hurry.set()
        if self._thread.ident is not None:
            self.gone()

    def _live(self) -> None:
        try:
            run(self.settings, self._client, self.signals, Tether())
        except DtsError as error:
            self.error = error
