"""Bearer tokens: who may ask the API for what. Only their hashes are kept, one line of a file for each.

    ci-runner operator sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 until 2027-01-31

Blank lines and those that begin with # are left as they are. A token holds through the last day it names, in UTC.
"""

import hashlib
import hmac
import logging
import re
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

from common.clock import Clock
from common.domain.errors import BadSetting

log = logging.getLogger("dts.tokens")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LOOK_EVERY = 1.0
"""Seconds for which a changed file may not have been noticed."""


class Role(StrEnum):
    """What a token allows; each role may do all that those before it may."""

    VIEWER = "viewer"
    """Look."""
    OPERATOR = "operator"
    """Submit, cancel and retry tasks too."""
    ADMIN = "admin"
    """Drain and resume agents too."""

    def covers(self, needed: "Role") -> bool:
        """Whether who has this role may do what `needed` is needed for."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Token:
    """One line of the file: whom the token stands for, and until when; `digest` is the SHA-256 of its text in hex."""

    name: str
    role: Role
    digest: str
    until: date | None = None

    def expired(self, now: float) -> bool:
        """`now` is seconds since 1970."""
        return self.until is not None and datetime.fromtimestamp(now, UTC).date() > self.until

    def line(self) -> str:
        """As it stands in the file."""
        return f"{self.name} {self.role} sha256:{self.digest}" + (f" until {self.until}" if self.until else "")


def new_token(name: str, role: Role, until: date | None = None) -> tuple[str, Token]:
    """A fresh secret, which is shown once and kept nowhere, and the token that it proves."""
    secret = f"dts_{secrets.token_urlsafe(32)}"
    return secret, Token(name, role, digest_of(secret), until)


def digest_of(secret: str) -> str:
    """One round of a fast hash will do: a secret is 256 random bits, which nobody can try out."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def token_of(line: str) -> Token:
    """Read one line. Raises ValueError, saying what is wrong with it."""
    words = line.split()
    if len(words) not in (3, 5) or words[3:4] not in ([], ["until"]):
        raise ValueError("it is not: name role sha256:<hex> [until <date>]")
    name, role, digest = words[0], words[1], words[2].removeprefix("sha256:")
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name")
    if role not in list(Role):
        raise ValueError(f"{role!r} is none of the roles {', '.join(Role)}")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", words[2]):
        raise ValueError("the third word is not sha256: and 64 hex digits")
    return Token(name, Role(role), digest, date.fromisoformat(words[4]) if len(words) == 5 else None)


def read_tokens(path: Path) -> tuple[list[Token], list[str]]:
    """The tokens of a file, and what is wrong with each line that is none. Raises OSError."""
    tokens, complaints = [], []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            tokens.append(token_of(line))
        except ValueError as error:
            complaints.append(f"line {number}: {error}")
    return tokens, complaints


class Tokens:
    """The tokens that hold now: those of a file, which is read again when it changes, and one admin's in a setting.

    Safe to share between threads. A line that can't be read lets nobody in, nor does a file that can't be.
    """

    def __init__(self, path: Path | None, admin: str, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._fixed = [Token("admin", Role.ADMIN, digest_of(admin))] if admin else []
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._looked = float("-inf")
        self._known: Sequence[Token] = self._fixed
        self._complaint = ""

    @property
    def asked_for(self) -> bool:
        """Whether there are tokens at all; else everybody may do everything."""
        return self._path is not None or bool(self._fixed)

    def whose(self, secret: str) -> Token | None:
        """The token that this secret proves, expired ones too; None where there is none."""
        digest = digest_of(secret)
        # All of them, each in the same time: how long it takes tells nothing of how near a guess was.
        found = [token for token in self._current() if hmac.compare_digest(token.digest, digest)]
        return found[0] if found else None

    def named(self, name: str) -> Token | None:
        """The token of that name, expired ones too."""
        return next((token for token in self._current() if token.name == name), None)

    def _current(self) -> Sequence[Token]:
        with self._lock:
            now = self._clock.monotonic()
            if self._path is not None and now - self._looked >= LOOK_EVERY:
                self._looked = now
                self._look(self._path)
            return self._known

    def _look(self, path: Path) -> None:
        try:
            found = path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen == self._seen:
                return
            tokens, complaints = read_tokens(path)
        except OSError as error:
            self._seen, self._known = None, self._fixed
            self._say(f"{path} can't be read, so its tokens let nobody in: {error.strerror}")
            return
        first, self._seen, self._known = self._seen is None, seen, [*self._fixed, *tokens]
        self._say("; ".join(f"{path}: {complaint}; it lets nobody in" for complaint in complaints))
        if not first or tokens:
            log.info("%d tokens are known", len(self._known))

    def _say(self, complaint: str) -> None:
        if complaint and complaint != self._complaint:
            log.warning("%s", complaint)
        self._complaint = complaint


def append_token(path: Path, token: Token) -> None:
    """Add one line; the file is made where it is missing, and only its owner may read it.

    Raises BadSetting where a token of that name is there already, or the file can't be written.
    """
    try:
        text = path.read_text() if path.exists() else ""
        known = read_tokens(path)[0] if text else []
        if any(one.name == token.name for one in known):
            raise BadSetting(f"{path} has a token named {token.name!r} already; remove it, or choose another name")
        _write(path, f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{token.line()}\n")
    except OSError as error:
        raise _unusable(path, error) from error


def remove_token(path: Path, name: str) -> bool:
    """Take the token of that name out of the file; returns whether it was there. Raises BadSetting."""
    try:
        lines = path.read_text().splitlines(keepends=True)
        left = [line for line in lines if line.split()[:1] != [name]]
        if len(left) < len(lines):
            _write(path, "".join(left))
        return len(left) < len(lines)
    except OSError as error:
        raise _unusable(path, error) from error


def _write(path: Path, text: str) -> None:
    """All or nothing: who reads the file meanwhile sees the old one or the new one."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    part.touch(mode=0o600, exist_ok=False)
    try:
        part.write_text(text)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _unusable(path: Path, error: OSError) -> BadSetting:
    return BadSetting(f"the file of tokens {str(path)!r} can't be used: {error.strerror}")
