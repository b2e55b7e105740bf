"""What a request says beside its address: whose headers go where, and how they are written down."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Sequence

from ketfeed.errors import AuthRequired, BadUrl
from ketfeed.model import Auth, Validators
from ketfeed.net.guard import Target, printable

OURS = frozenset({
    "accept-encoding", "connection", "content-length", "expect", "host", "if-match", "if-modified-since",
    "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "proxy-authorization", "proxy-connection",
    "range", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
"""Headers a source may not set: they decide about framing, caching and the connection."""

HARMLESS = frozenset({"accept", "accept-language", "user-agent"})
"""Headers of a source that may follow a redirect to another origin; any other could be a secret."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")

Headers = Sequence[tuple[str, str]]


def own_headers(headers: Headers, auth: Auth | None) -> Headers:
    """A source's headers with names in lower case, and its credentials. Raises BadUrl for what HTTP cannot carry."""
    own = []
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadUrl(f"the header {printable(name)} of this source cannot be sent; correct headers: in feeds.yaml")
        if name.lower() not in OURS:
            own.append((name.lower(), value.strip()))
    if auth is not None:
        own = [pair for pair in own if pair[0] != "authorization"] + [("authorization", _credentials(auth))]
    return own


def conditions(validators: Validators) -> list[tuple[str, str]]:
    """The headers that ask whether anything has changed (RFC 9110 section 13.1), byte for byte as they came."""
    asked = []
    if validators.etag is not None and _VALUE.fullmatch(validators.etag):
        asked.append(("if-none-match", validators.etag))
    if validators.last_modified is not None and _VALUE.fullmatch(validators.last_modified):
        asked.append(("if-modified-since", validators.last_modified))
    return asked


def raw(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Headers as bytes; names are ASCII in lower case."""
    return [(name.encode("ascii"), _bytes(value)) for name, value in headers]


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they go out, a line each."""
    return b"".join([name + b": " + value + b"\r\n" for name, value in headers])


def write_request(method: str, target: Target, headers: bytes, body: bytes = b"") -> bytes:
    """The whole request; ``headers`` are lines without Host and Connection, which come from what was judged and us."""
    start = f"{method} {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n".encode("ascii")
    return b"".join((start, headers, b"Connection: close\r\n\r\n", body))


def _credentials(auth: Auth) -> str:
    """Value of the Authorization header; the secret is read now and kept nowhere. Raises AuthRequired."""
    secret = os.environ.get(auth.env, "")
    if not secret or not _VALUE.fullmatch(secret):
        raise AuthRequired(f"the environment variable {auth.env} is empty or holds a control character")
    if auth.scheme == "basic":
        return "Basic " + base64.b64encode(secret.encode()).decode("ascii")
    return f"Bearer {secret}"


def _bytes(value: str) -> bytes:
    """Header values come in as latin-1 and go out byte for byte; only an editor's own can hold anything else."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")
