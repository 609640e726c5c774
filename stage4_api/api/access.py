"""Who is let in: by token and role, at what rate, and, where there are no tokens, from where."""

import ipaddress
import re
import threading
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers

from common.clock import Clock
from common.domain.errors import BadSetting
from common.settings import Settings
from common.tokens import Role, Token, Tokens
from stage4_api.api.problems import FORBIDDEN, FOREIGN_CALLER, RATE_LIMITED, UNAUTHENTICATED, Problem

MOST_CALLERS = 10_000
"""Callers whose rate is remembered."""


class Access:
    """Lets requests in or raises Problem. Safe to use from many threads."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._tokens = Tokens(settings.api_tokens, settings.api_token, clock)
        self._rates = Rates(settings.api_rate, clock)
        self._origins, self._clock = frozenset(settings.api_origins), clock

    @property
    def open(self) -> bool:
        """Whether everybody may do everything."""
        return not self._tokens.asked_for

    def check_caller(self, headers: Headers) -> None:
        """Where there are no tokens a page of somebody else's, in a browser on this machine, could ask anything: by its
        origin, or by a name of its own that it lets stand for this machine (DNS rebinding).
        """
        if not self.open:
            return
        if not is_local(_host_of(headers.get("Host", "localhost"))):
            raise Problem(FOREIGN_CALLER, "there are no tokens, so only requests to this machine's own name are served")
        origin = headers.get("Origin")
        if origin and origin not in self._origins and not is_local(_host_of(re.sub("^https?://", "", origin))):
            raise Problem(FOREIGN_CALLER, f"there are no tokens, so pages of {origin[:100]!r} are not served")

    def admit(self, headers: Headers, role: Role, address: str) -> str:
        """Who asks: the token's name, '' where none is needed."""
        if self.open:
            self._rates.count(address)
            return ""
        scheme, _, secret = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Problem(UNAUTHENTICATED, "send the header `Authorization: Bearer <token>`")
        token = self.proved(secret)
        self.allow(token, role)
        return token.name

    def proved(self, secret: str) -> Token:
        """The token that this secret proves, and that holds now. Raises Problem where there is none."""
        return self._holding(self._tokens.whose(secret.strip()))

    def named(self, name: str) -> Token:
        """The token of that name, for who has proved it before. Raises Problem where it does not hold any more."""
        return self._holding(self._tokens.named(name))

    def allow(self, token: Token, role: Role) -> None:
        """One more request with that token. Raises Problem: it is one too many, or its role does not do."""
        self._rates.count(token.name)
        if not token.role.covers(role):
            raise Problem(FORBIDDEN, f"{token.name!r} is a token for {token.role}s; this needs {role}")

    def _holding(self, token: Token | None) -> Token:
        if token is None:
            raise Problem(UNAUTHENTICATED, "this token is not known")
        if token.expired(self._clock.time()):
            raise Problem(UNAUTHENTICATED, f"this token held until {token.until}")
        return token


class Rates:
    """So many requests a second for each caller, with a second's worth at once; no limit where it is 0."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._most = max(1.0, rate)
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def count(self, caller: str) -> None:
        """One more request of that caller. Raises Problem where it is one too many."""
        if not self._rate:
            return
        now = self._clock.monotonic()
        with self._lock:
            left, at = self._left.pop(caller, (self._most, now))
            left = min(self._most, left + (now - at) * self._rate)
            self._left[caller] = (left - 1 if left >= 1 else left, now)
            if len(self._left) > MOST_CALLERS:
                del self._left[next(iter(self._left))]
        if left < 1:
            wait = (1 - left) / self._rate
            raise Problem(RATE_LIMITED, f"{self._rate:g} requests a second are served", retry_after=wait)


def is_local(host: str) -> bool:
    """Whether that name can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(text: str) -> str:
    """The host of host:port; '' where it is anything else."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]*)?", text)
    return (found[1] or found[2]).lower() if found else ""


def address_of(settings: Settings) -> tuple[str, int]:
    """Where the API listens. Raises BadSetting: also where it would serve other machines without any token."""
    text = settings.api_listen
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or parts.netloc != text or "@" in text:
        raise BadSetting(f"DTS_API_LISTEN: {text!r} is not host:port, like 127.0.0.1:8080 or [::1]:8080")
    if not (settings.api_tokens or settings.api_token or is_local(host)):
        raise BadSetting(
            f"DTS_API_LISTEN: {text} is open to other machines, and there are no tokens; make one with "
            "`dts token new NAME --role admin --file F` and set DTS_API_TOKENS=F, or listen on 127.0.0.1"
        )
    return host, port
