"""A certificate authority of a test's own, and what it certifies."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


@dataclass(frozen=True)
class Certified:
    """Files in PEM form."""

    ca: Path
    certificate: Path
    key: Path


def certified(directory: Path, name: str = "server", names: str = NAMES) -> Certified:
    """Make a certificate for these names, by the authority of this directory, which is made where there is none."""
    ca, ca_key = directory / "ca.crt", directory / "ca.key"
    if not ca.exists():
        _openssl("req", "-x509", *_new_key(ca_key), "-out", ca, "-days", "2", "-subj", "/CN=dts tests")
    found = Certified(ca, directory / f"{name}.crt", directory / f"{name}.key")
    asked, extensions = directory / f"{name}.csr", directory / f"{name}.ext"
    extensions.write_text(names)
    _openssl("req", *_new_key(found.key), "-out", asked, "-subj", f"/CN={name}")
    _openssl(
        *("x509", "-req", "-in", asked, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial"),
        *("-out", found.certificate, "-days", "2", "-extfile", extensions),
    )
    return found


def keystore(found: Certified, path: Path, password: str) -> Path:
    """The certificate and its key as Java reads them."""
    _openssl(
        *("pkcs12", "-export", "-in", found.certificate, "-inkey", found.key, "-certfile", found.ca),
        *("-out", path, "-passout", f"pass:{password}"),
    )
    return path


def _new_key(path: Path) -> tuple[str | Path, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path)


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
