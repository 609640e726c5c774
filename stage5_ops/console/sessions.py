"""Sessions: what a browser keeps in cookies, signed: every API of the system knows it again, and nobody forges it.

No session is stored anywhere: the cookie names the token that was proved, and says until when. It holds neither the
token nor its hash, and ends with the token.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.tokens import Token

LASTS = 8 * 3600.0
"""Seconds after which one has to log in again."""


class Seal:
    """Signs with a key derived from a secret that all APIs share; without one only this process knows its own."""

    def __init__(self, secret: str) -> None:
        root = secret.encode() if secret else secrets.token_bytes(32)
        self._key = hmac.digest(root, b"dts console, version 1", "sha256")
        # Two systems on one host share its cookies: each finds its own.
        self.mark = self.proof("name", "")[:8]

    def sealed(self, kind: str, value: Mapping[str, Any]) -> str:
        """The value as text that only `opened` of the same kind reads."""
        text = _packed(json.dumps(value, separators=(",", ":")).encode())
        return f"{text}.{self.proof(kind, text)}"

    def opened(self, kind: str, sealed: str) -> dict[str, Any]:
        """What was sealed; empty where this was not."""
        text, _, proof = sealed.partition(".")
        if not hmac.compare_digest(proof.encode(), self.proof(kind, text).encode()):
            return {}
        found = json.loads(base64.urlsafe_b64decode(text))
        return found if isinstance(found, dict) else {}

    def proof(self, kind: str, text: str) -> str:
        """What only who knows the secret can say of this text."""
        return _packed(hmac.digest(self._key, f"{kind}:{text}".encode(errors="replace"), hashlib.sha256))


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's. Before somebody has logged in, and where nobody has to, it has no `name`."""

    id: str
    until: float
    """Seconds since 1970."""
    name: str = ""
    """Of the token."""
    proof: str = ""
    """That it is still the same token."""

    def sealed(self, seal: Seal) -> str:
        """As a cookie has it."""
        return seal.sealed("session", {"i": self.id, "u": self.until, "n": self.name, "p": self.proof})

    def form_key(self, seal: Seal) -> str:
        """What each form of this session has to send along: no other page can know it."""
        return seal.proof("form", self.id)

    def proves(self, token: Token, seal: Seal) -> bool:
        """Whether it was this very token that was proved, not another one of the same name."""
        return hmac.compare_digest(self.proof, seal.proof("token", token.digest))


def new_session(seal: Seal, now: float, token: Token | None = None) -> Session:
    """A session with an id that nobody has seen before."""
    proof = seal.proof("token", token.digest) if token else ""
    return Session(secrets.token_urlsafe(18), now + LASTS, token.name if token else "", proof)


def session_in(cookie: str, seal: Seal, now: float) -> Session | None:
    """The session of that cookie; None where it is forged, or over."""
    found = seal.opened("session", cookie)
    if not found or found["u"] <= now:
        return None
    return Session(found["i"], found["u"], found["n"], found["p"])


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()
