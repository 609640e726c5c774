"""TLS as the settings say it: whom to trust, and how to prove who one is.

DTS_<NAME>_CA, DTS_<NAME>_CERTIFICATE and DTS_<NAME>_KEY name files in PEM form. Who answers is always
checked, its host's name too.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from common.domain.errors import BadSetting


@dataclass(frozen=True, slots=True)
class Tls:
    """The files for one kind of connection; `name` is that of the settings."""

    name: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.ca or self.certificate or self.key)

    def check(self) -> None:
        """Raise BadSetting, which names the setting, where a file is missing or is not what it should be."""
        self._check_pair()
        if self:
            self.client()

    def client(self) -> ssl.SSLContext:
        """For one who connects: by the CA, else by those that this machine trusts. Raises BadSetting."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        self._trust(context)
        self._prove(context)
        return context

    def server(self) -> ssl.SSLContext:
        """For one who answers; with a CA, callers must prove who they are, too. Raises BadSetting."""
        if not self.certificate:
            raise BadSetting(
                f"{self._of('CA')}: to answer by TLS takes {self._of('CERTIFICATE')} and {self._of('KEY')}"
            )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._trust(context)
        self._prove(context)
        if self.ca:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _check_pair(self) -> None:
        if bool(self.certificate) != bool(self.key):
            there, missing = ("CERTIFICATE", "KEY") if self.certificate else ("KEY", "CERTIFICATE")
            raise BadSetting(
                f"{self._of(there)}: goes with {self._of(missing)}, which is not set; set both, or neither"
            )

    def _trust(self, context: ssl.SSLContext) -> None:
        if not self.ca:
            return
        try:
            context.load_verify_locations(self.ca)
        except ssl.SSLError as error:
            raise BadSetting(f"{self._of('CA')}: {str(self.ca)!r} holds no certificates in PEM form") from error
        except OSError as error:
            raise BadSetting(f"{self._of('CA')}: can't read {str(self.ca)!r}: {error.strerror}") from error

    def _prove(self, context: ssl.SSLContext) -> None:
        if not (self.certificate and self.key):
            return
        for setting, path in (("CERTIFICATE", self.certificate), ("KEY", self.key)):
            try:
                path.read_bytes()
            except OSError as error:
                raise BadSetting(f"{self._of(setting)}: can't read {str(path)!r}: {error.strerror}") from error
        try:
            # A password is never asked for: nobody sits before a server.
            context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise BadSetting(
                f"{self._of('CERTIFICATE')}: {str(self.certificate)!r} and the key {str(self.key)!r} are no pair in "
                f"PEM form, or the key has a password: {error}"
            ) from error

    def _of(self, setting: str) -> str:
        return f"DTS_{self.name.upper()}_{setting}"
