"""Which tasks somebody asks for in a list."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.domain.status import Status


@dataclass(frozen=True, slots=True)
class Query:
    """Tasks that meet all of these; what is empty asks nothing. Times are ISO 8601 text in UTC."""

    statuses: tuple[Status, ...] = ()
    types: tuple[str, ...] = ()
    name: str = ""
    """What the name begins with."""
    agents: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    oldest_first: bool = False
    """By when they were made, or where statuses are asked for, by when they got there; else the newest come first."""
