"""What is answered stands on a replica too, where the url asks for it: redis://…?replicas=1.

A master that dies takes with it what it had not passed on. A replica has what came before all that it has, so
whoever is told "done" only when a replica has it too finds it again after any failover to that replica.
https://redis.io/docs/latest/commands/wait/
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis import Redis
from redis.exceptions import NoScriptError, ResponseError

from common.domain.errors import Unanswered

ASKED = "replicas"
MOST = 10


class Client(Redis):
    """A client that knows how many replicas must have what it wrote."""

    copies = 0
    copied_within = 1.0
    """Seconds that the replicas may take."""


def copies_in(url: str) -> tuple[str, int]:
    """The url without its demand, and how many replicas it demands; raises ValueError."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    asked = [value for name, value in query if name == ASKED]
    if not asked:
        return url, 0
    if not asked[-1].isdigit() or int(asked[-1]) > MOST:
        raise ValueError(f"replicas={asked[-1]} is no number from 0 to {MOST}")
    return parts._replace(query=urlencode([pair for pair in query if pair[0] != ASKED])).geturl(), int(asked[-1])


def run_script(client: Client, sha: str, text: str, keys: list[str], args: list[Any]) -> Any:
    """Run a script in one round trip, and return its answer when enough replicas have all that came up to it.

    Raises Unanswered where they have not: it stands there, and would be lost with this server.
    """
    # WAIT counts what the same connection saw, also where the script had nothing to write because it ran before.
    pipe = client.pipeline(transaction=False)
    pipe.evalsha(sha, len(keys), *keys, *args)
    pipe.wait(client.copies, int(client.copied_within * 1000))
    answer, copies = pipe.execute(raise_on_error=False)
    if isinstance(answer, NoScriptError):
        client.script_load(text)
        return run_script(client, sha, text, keys, args)
    if isinstance(answer, Exception):
        raise answer
    if isinstance(copies, ResponseError) or copies < client.copies:
        _leave(client)
        raise Unanswered(
            f"Redis did it, but {client.copies} of its replicas should have it and {_have(copies)}; "
            "see that they run, and that this server is the master still"
        )
    return answer


def _have(copies: Any) -> str:
    return str(copies) if isinstance(copies, ResponseError) else f"{copies} have it"


def _leave(client: Client) -> None:
    """A master without its replicas may be one whose place another has taken."""
    doubt = getattr(client.connection_pool, "doubt", None)
    if doubt:
        doubt()
