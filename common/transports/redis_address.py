"""What the settings say of Redis beside its url becomes part of the url: whoever has it has all that it takes."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit


def completed(url: str, options: Mapping[str, object]) -> str:
    """The url with these options in its query; what stands there already wins."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    missing = {name: str(value) for name, value in options.items() if name not in query}
    return parts._replace(query=urlencode({**query, **missing})).geturl() if missing else url


def with_login(url: str, user: str, password: str) -> str:
    """The url with a user and password, unless it has its own."""
    parts = urlsplit(url)
    if not password or "@" in parts.netloc:
        return url
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}").geturl()


def behind_sentinels(url: str) -> bool:
    """Whether its master is found through Sentinels."""
    return urlsplit(url).scheme.endswith("+sentinel")


def secured(url: str) -> bool:
    """Whether it is spoken to by TLS."""
    return urlsplit(url).scheme.startswith("rediss")
