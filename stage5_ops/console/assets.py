"""Assets: the few files that pages load. All of them are ours, and lie here; nothing comes from anywhere else."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort, request

FOLDER = Path(__file__).parent / "assets"
KINDS: Mapping[str, str] = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def add_to(blueprint: Blueprint) -> None:
    """Serve them to everybody: the page where one logs in needs them too."""

    @blueprint.get("/assets/<name>", provide_automatic_options=False)
    def asset(name: str) -> Response:
        if name not in KINDS:
            abort(404)
        text, mark = _read(name)
        response = Response(text, content_type=KINDS[name])
        response.set_etag(mark)
        # A new version has a new address.
        known = request.args.get("v") == mark
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if known else "no-cache"
        response.make_conditional(request)
        return response


def path_of(name: str) -> str:
    """Where a page finds it."""
    return f"/assets/{name}?v={_read(name)[1]}"


@cache
def _read(name: str) -> tuple[bytes, str]:
    text = (FOLDER / name).read_bytes()
    return text, hashlib.blake2b(text, digest_size=6).hexdigest()
