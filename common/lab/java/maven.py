"""Where jars come from: Maven Central, unless DTS_MAVEN_URL or Maven's own settings name another place.

Maven's settings are those of the user (~/.m2/settings.xml), then those of the installation whose `mvn` is on PATH.
What counts in them: `localRepository`, `mirrors`, the password of a mirror in `servers`, `proxies`.
https://maven.apache.org/settings.html, https://maven.apache.org/guides/mini/guide-mirror-settings.html
"""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

from common.domain.errors import BadSetting

CENTRAL = "https://repo1.maven.org/maven2"
CENTRAL_ID = "central"
"""The name by which Maven's settings speak of it."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A remote repository; its url holds no password, and may be shown."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    """The proxy that Maven's settings name for it; empty: what the environment says (https_proxy, no_proxy)."""

    @classmethod
    def at(cls, url: str, user: str = "", password: str = "", proxy: str = "") -> "Repository":
        """One whose url may hold a user and a password of its own."""
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        return cls(
            urlunsplit(parts._replace(netloc=netloc)).rstrip("/"),
            unquote(parts.username or "") or user,
            unquote(parts.password or "") or password,
            proxy,
        )


@dataclass(frozen=True, slots=True)
class Maven:
    """What dts takes from an existing Maven set-up."""

    remote: Repository
    local: Path
    """The local repository: what Maven has downloaded already need not be downloaded again."""

    @classmethod
    def load(cls, url: str = "", files: Iterable[Path] | None = None) -> "Maven":
        """Read the settings, `url` wins. Raises BadSetting where a file of theirs can't be understood."""
        found = [_read(file) for file in (settings_files() if files is None else files) if file.is_file()]
        local = next((text for one in found if (text := _text(one, "localRepository"))), "")
        remote = Repository.at(_checked(url, "DTS_MAVEN_URL")) if url else _mirror_of_central(found)
        return cls(remote, Path(local) if local else Path.home() / ".m2" / "repository")


def settings_files() -> list[Path]:
    """The user's settings, then those of the Maven on PATH, which count where the user's say nothing."""
    mvn = shutil.which("mvn")
    installed = [Path(mvn).resolve().parents[1] / "conf" / "settings.xml"] if mvn else []
    return [Path.home() / ".m2" / "settings.xml", *installed]


def _checked(url: str, source: str) -> str:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise BadSetting(f"{source}: {url!r} is no http or https address, like {CENTRAL}")
    return url


def _mirror_of_central(found: list[ET.Element]) -> Repository:
    mirrors = [mirror for settings in found for mirror in settings.findall("mirrors/mirror")]
    named = (mirror for mirror in mirrors if _text(mirror, "mirrorOf") == CENTRAL_ID)
    # As Maven does: one that names it goes before those that mean many.
    mirror = next(named, None) or next((one for one in mirrors if covers(_text(one, "mirrorOf"))), None)
    if mirror is None:
        return Repository.at(CENTRAL, proxy=_proxy(found, CENTRAL))
    name = f"mirror {_text(mirror, 'id')!r} of Maven's settings"
    if _text(mirror, "blocked") == "true":
        raise BadSetting(f"{name} blocks Maven Central: set DTS_MAVEN_URL")
    url = _checked(_text(mirror, "url"), name)
    user, password = _login(found, _text(mirror, "id"))
    return Repository.at(url, user, password, _proxy(found, url))


def covers(mirror_of: str) -> bool:
    """Whether a mirror of these repositories is one of Maven Central, which is external and is reached by https."""
    names = [name.strip() for name in mirror_of.split(",")]
    return f"!{CENTRAL_ID}" not in names and any(name in (CENTRAL_ID, "*", "external:*") for name in names)


def _login(found: list[ET.Element], mirror: str) -> tuple[str, str]:
    for server in (server for settings in found for server in settings.findall("servers/server")):
        if _text(server, "id") == mirror:
            password = _text(server, "password")
            if re.fullmatch(r".*\{.+\}.*", password):
                raise BadSetting(
                    f"the password of {mirror!r} in Maven's settings is encrypted, and only Maven can read it: "
                    "set DTS_MAVEN_URL=https://user:password@host/path, or DTS_MAVEN_URL_FILE"
                )
            return _text(server, "username"), password
    return "", ""


def _proxy(found: list[ET.Element], url: str) -> str:
    host = urlsplit(url).hostname or ""
    for proxy in (proxy for settings in found for proxy in settings.findall("proxies/proxy")):
        direct = _text(proxy, "nonProxyHosts").split("|")
        if _text(proxy, "active") == "false" or any(_matches(pattern, host) for pattern in direct):
            continue
        login = f"{_text(proxy, 'username')}:{_text(proxy, 'password')}@" if _text(proxy, "username") else ""
        return f"http://{login}{_text(proxy, 'host')}:{_text(proxy, 'port') or 8080}"
    return ""


def _matches(pattern: str, host: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), host) is not None


def _read(file: Path) -> ET.Element:
    try:
        root = ET.fromstring(file.read_text())  # noqa: S314  written by the user or who set up the machine
    except (OSError, UnicodeError, ET.ParseError) as error:
        raise BadSetting(f"Maven's settings in {file} can't be read: {error}") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _text(element: ET.Element, name: str) -> str:
    return interpolated((element.findtext(name) or "").strip(), os.environ)


def interpolated(text: str, environ: Mapping[str, str]) -> str:
    """With `${env.NAME}` and `${user.home}` filled in, as Maven does; others stay as they are."""

    def value(match: "re.Match[str]") -> str:
        if match[1] == "user.home":
            return str(Path.home())
        return environ.get(match[1].removeprefix("env."), match[0]) if match[1].startswith("env.") else match[0]

    return re.sub(r"\$\{([^}]+)\}", value, text)
