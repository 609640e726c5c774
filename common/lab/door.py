"""The door of a stage that has one: its REST API, and what one has to know to be let in there and by its managers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Door:
    """All empty where a stage has none."""

    url: str = ""
    """Like http://127.0.0.1:8080."""
    token: str = ""
    rpc_secret: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Self:
        """By DTS_* settings."""
        names = ("DTS_API_URL", "DTS_API_TOKEN", "DTS_RPC_SECRET")
        return cls(*(settings.get(name, "") for name in names))
