"""One prepared representation and a request's headers → the reply (RFC 9110 sections 12.5, 13 and 15.4.5). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

Headers = tuple[tuple[bytes, bytes], ...]

_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_SUFFIXES = {"br": "-br", "gzip": "-gz"}
LONGEST = 512
"""Bytes of a header whose reading is remembered: what strangers send must not fill the memory."""

_OF_A_304 = frozenset({"etag", "vary", "cache-control", "last-modified", "access-control-allow-origin"})
"""RFC 9110 section 15.4.5: what a cache must update; everything else it has kept. Each header costs a microsecond."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A representation with its headers, ready in every coding; built once per change."""

    tag: str  # opaque part of the entity tag, without coding
    last_modified: datetime | None
    full: Mapping[str, tuple[Headers, bytes]]  # coding ("", "gzip", "br") → headers of a 200, body
    unchanged: Mapping[str, Headers]  # coding → headers of a 304
    status: int = 200
    browser: Mapping[str, tuple[Headers, bytes]] | None = None  # as ``full``, for a browser; None: the same


def prepare(
    codings: Mapping[str, bytes],
    media_type: str,
    tag: str,
    last_modified: datetime | None,
    headers: Sequence[tuple[str, str]] = (),
    status: int = 200,
    browser_type: str | None = None,
) -> Prepared:
    """Headers for each coding of one body. ``codings`` holds "" and any of "gzip" and "br"; ``tag`` is unquoted.

    The entity tag is strong, so every coding has its own (RFC 9110 section 8.8.3.3). ``browser_type``: the media type
    for a browser, where it differs.
    """
    full: dict[str, tuple[Headers, bytes]] = {}
    browser: dict[str, tuple[Headers, bytes]] = {}
    unchanged: dict[str, Headers] = {}
    vary = "Accept-Encoding" if browser_type is None else "Accept, Accept-Encoding"
    for coding, body in codings.items():
        shared = [("etag", f'"{tag}{_SUFFIXES.get(coding, "")}"'), ("vary", vary), *headers]
        if last_modified is not None:
            shared.append(("last-modified", http_date(last_modified)))
        unchanged[coding] = _bytes([one for one in shared if one[0] in _OF_A_304])
        shared.append(("content-length", str(len(body))))
        if coding:
            shared.append(("content-encoding", coding))
        full[coding] = (_bytes([*shared, ("content-type", media_type)]), body)
        if browser_type is not None:
            browser[coding] = (_bytes([*shared, ("content-type", browser_type)]), body)
    return Prepared(tag, last_modified, full, unchanged, status, browser or None)


def answer(method: str, headers: Mapping[bytes, bytes], prepared: Prepared) -> Reply:
    """The reply to GET or HEAD. ``headers`` are the request's, lower case."""
    coding = choose_coding(
        headers.get(b"accept-encoding", b"")[:LONGEST], "br" in prepared.full, "gzip" in prepared.full
    )
    if prepared.status == 200 and _matches(headers, prepared):
        return Reply(304, prepared.unchanged[coding], b"")
    variants = prepared.full
    if prepared.browser is not None and is_browser(headers.get(b"accept", b"")[:LONGEST]):
        variants = prepared.browser
    shown, body = variants[coding]
    return Reply(prepared.status, shown, b"" if method == "HEAD" else body)


def _matches(headers: Mapping[bytes, bytes], prepared: Prepared) -> bool:
    """RFC 9110 section 13.2.2: If-None-Match first; If-Modified-Since only where it is missing."""
    tags = headers.get(b"if-none-match")
    if tags is not None:
        known = known_tags if len(tags) <= LONGEST else known_tags.__wrapped__
        return prepared.tag in known(tags)
    since = headers.get(b"if-modified-since")
    if since is None or prepared.last_modified is None:
        return False
    moment = _moment(since[:LONGEST])
    return moment is not None and prepared.last_modified <= moment


class _Everything(frozenset[str]):
    def __contains__(self, _: object) -> bool:
        return True


@lru_cache(maxsize=4096)
def known_tags(value: bytes) -> frozenset[str]:
    """The opaque tags of an If-None-Match, weakly compared and whatever their coding; ``*`` holds every tag."""
    text = value.decode("latin-1").strip()
    if text == "*":
        return _Everything()
    tags = _TAG.findall(text)
    return frozenset([*tags, *(tag[:-3] for tag in tags if tag.endswith(("-br", "-gz")))])


@lru_cache(maxsize=1024)
def choose_coding(accepted: bytes, brotli: bool, gzip: bool) -> str:
    """The best coding the client takes (RFC 9110 section 12.5.3): "br", "gzip" or "" for none."""
    quality: dict[str, float] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, parameters = part.strip().partition(";")
        found = re.search(r"q\s*=\s*([0-9.]+)", parameters)
        try:
            quality[name.strip()] = float(found.group(1)) if found else 1.0
        except ValueError:
            quality[name.strip()] = 0.0
    every = quality.get("*", 0.0)
    best, best_quality = "", quality.get("identity", 0.0 if "*" not in quality else every)
    for coding, ready in (("gzip", gzip), ("br", brotli)):
        wanted = quality.get(coding, quality.get(f"x-{coding}", every))
        if ready and wanted > 0 and wanted >= best_quality:
            best, best_quality = coding, wanted
    return best


@lru_cache(maxsize=1024)
def is_browser(accept: bytes) -> bool:
    """Whether a client asks for pages and knows no feeds. Chromium shows application/atom+xml as bare text."""
    return b"text/html" in accept and not any(word in accept for word in (b"rss", b"atom", b"feed", b"rdf"))


@lru_cache(maxsize=1024)
def _moment(value: bytes) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value.decode("latin-1"))
    except (ValueError, TypeError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def http_date(moment: datetime) -> str:
    """A moment as HTTP writes it: Tue, 24 Nov 2026 08:00:00 GMT."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _bytes(headers: Sequence[tuple[str, str]]) -> Headers:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
