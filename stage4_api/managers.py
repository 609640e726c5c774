"""Managers: the task-managers as the registry tells of them, called by whoever needs one."""

from functools import partial

from common.clock import Clock
from common.contracts import Registry
from common.domain.errors import BadSetting
from common.rpc.caller import Caller
from common.rpc.line import Line
from common.rpc.providers import TASK_MANAGER, Providers
from common.settings import Settings


class Managers(Caller):
    """Calls of whichever manager answers. Raises BadSetting where no secret is set; connects when it is first used."""

    def __init__(self, settings: Settings, registry: Registry, clock: Clock) -> None:
        if not settings.rpc_secret:
            raise BadSetting("DTS_RPC_SECRET: is not set; it has to be the one that the task-managers know")
        self._providers_found = Providers(registry, TASK_MANAGER)
        within = settings.rpc_timeout
        files = settings.tls("rpc")
        tls = files.client() if files else None
        dial = partial(Line, secret=settings.rpc_secret, service=TASK_MANAGER, patience=within, tls=tls)
        super().__init__(self._providers_found, dial, within, clock)

    def close(self) -> None:
        self._providers_found.close()
        super().close()
