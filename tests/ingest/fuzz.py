"""Fuzz reading: mutated documents of the corpus and of our own, and made-up dates, addresses and markup.

    python -m tests.ingest.fuzz MINUTES [SEED]

Prints every document that raises something other than a PollError, takes longer than 5 s, or breaks an invariant (ids
differ between two readings, a stored link is not absolute, cleaned HTML is not a fixed point). What it found is kept in
``tests/ingest/test_findings.py``.
"""

# ruff: noqa: E501  # tables of junk are easier to read wide

from __future__ import annotations

import random
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from ketfeed.errors import PollError
from ketfeed.ingest import html, urls
from ketfeed.ingest.dates import MONTHS, Order, read_date
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.normalise import read_document, renormalise
from ketfeed.ingest.zones import ZONES
from ketfeed.model import NormalisedFeed, Source

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / ".." / "shared" / "corpus", ROOT / "tests" / "feeds")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
LIMITS = Limits()
PIECES = (
    b"<![CDATA[", b"]]>", b"<!--", b"-->", b"&", b"&amp;", b"&#x0;", b"&#1114112;", b"<item>", b"</item>", b"<entry>",
    b"<title>", b"\0", b"\xff", b"\xef\xbb\xbf", b"<!ENTITY a 'b'>", b"&a;", b"<?xml version='1.0'?>", b" xml:base='../'",
    b"<div>", b"<table>", b"<a href='//'>", b"http://[::1", b"<link/>", b"<guid/>", b" xmlns='x'", b"<source>", b"<![",
    b"<svg>", b"\xe2\x80\xae", b"<pre>\n", b"<script>", b" type='xhtml'", b" mode='base64'", b"{", b"[", b'"', b"\\ud800",
    b"9" * 40, b"1e999", b"null", b"<author>", b"<image>",
)  # fmt: skip
_TAGS = """
    p a b i em img table tr td pre h1 h2 li ul ol dl dd dt div span noscript br svg math style script code font nobr
    form select option template iframe title textarea ruby rt details summary marquee
"""
TAGS = tuple(_TAGS.split())


class Found(AssertionError):
    """An invariant does not hold."""


def check_document(body: bytes, kind: str = "feed") -> None:
    """Everything that must hold for any bytes; raises Found or whatever reading raised."""
    start = time.perf_counter()
    document = Document(body, None, "https://example.org/feed")
    source = Source(id="s", url="https://example.org/feed", type=kind)  # type: ignore[arg-type]
    try:
        feed = read_document(document, source, NOW, LIMITS)
    except PollError as error:
        if error.outcome == "internal":
            raise
    else:
        check_feed(feed)
        if kind == "feed":
            again = read_document(Document(body, None, "http://other.example/x?y"), source, NOW, LIMITS)
            if [entry.raw_id for entry in feed.entries] != [entry.raw_id for entry in again.entries]:
                raise Found("ids differ when the feed's address changes")
    if time.perf_counter() - start > 10:
        raise Found(f"took {time.perf_counter() - start:.1f} s for two readings")


def check_feed(feed: NormalisedFeed) -> None:
    """What holds for every stored entry."""
    seen = set()
    for entry in feed.entries:
        if entry.raw_id in seen or not entry.raw_id:
            raise Found(f"id twice or empty: {entry.raw_id!r}")
        seen.add(entry.raw_id)
        image = entry.image.url if entry.image is not None else None
        for link in (entry.link, entry.comments_link, image, *(enclosure.url for enclosure in entry.enclosures)):
            if link is not None and not link.startswith(("http://", "https://")):
                raise Found(f"link not absolute: {link!r}")
        for markup in (entry.summary, entry.content):
            check_markup(markup)
        if "\n" in entry.title or len(entry.title) > LIMITS.title:
            raise Found(f"title {entry.title!r}")
        for moment in (entry.published, entry.updated):
            if moment is not None and moment.tzinfo is None:
                raise Found("a naive date")
        renormalise(entry)


def check_markup(markup: str) -> None:
    """Cleaned HTML is a fixed point of the sanitiser and holds nothing active."""
    again = html.clean(markup, None, Limits(field=10_000_000, tags=10_000_000))
    if again != markup:
        raise Found(f"not a fixed point: {markup[:300]!r} → {again[:300]!r}")
    for word in ("<script", "<style", "<iframe", "javascript:", "<form", "<svg"):
        if word in markup.lower() and f"&lt;{word[1:]}" not in markup.lower() and word.startswith("<"):
            raise Found(f"{word} in {markup[:300]!r}")


def mutate(body: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """A document with a few pieces cut, doubled, moved, replaced or put in."""
    data = bytearray(body[:60_000])
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data) + 1)
        action = chance.random()
        if action < 0.35:
            data[at:at] = chance.choice(PIECES) * chance.choice((1, 1, 1, 2, 300))
        elif action < 0.55:
            del data[at : at + chance.choice((1, 3, 30, 800))]
        elif action < 0.7:
            piece = bytes(data[at : at + chance.randint(1, 400)])
            data[at:at] = piece * chance.choice((1, 1, 2, 50))
        elif action < 0.85 and data:
            data[at % len(data)] = chance.randrange(256)
        else:
            other = chance.choice(others)
            start = chance.randrange(len(other) + 1)
            data[at:at] = other[start : start + chance.randint(1, 600)]
    return bytes(data[:400_000])


def markup(chance: random.Random) -> str:
    """A soup of tags, attributes and text."""
    pieces = []
    for _ in range(chance.randint(1, 40)):
        tag = chance.choice(TAGS)
        pieces.append(
            chance.choice((
                f"<{tag}>", f"</{tag}>", f"<{tag} href='{address(chance)}' src=x data-src=\"/y\" srcset='a 1x, b 2x' width=1>",
                "text ", "\n", "&lt;", "&amp;nbsp;", "&#8238;", "\u202e", "<!--", "-->", "<", ">", '"', "'", "&", "<a href=", "é", "\0",
            ))
        )  # fmt: skip
    return "".join(pieces)


def address(chance: random.Random) -> str:
    """Something like a URL."""
    parts = ("http:", "https:", "//", "/", "\\", "example.org", "www.", "[::1]", ":80", ":x", "?", "#", "utm_source=x", "&", "..", "%", "%2f",
             "é", " ", "\t", "javascript:", "data:", "@", "xn--", "ß", "\u202e", "a" * 70, ".", "feed:", "mailto:", "amp")  # fmt: skip
    return "".join(chance.choice(parts) for _ in range(chance.randint(1, 9)))


def date(chance: random.Random) -> str:
    """Something like a date."""
    parts = (*MONTHS, *ZONES, *map(str, range(32)), "1999", "2024", "0000", "99999", ":", "/", "-", ".", ",", " ", "T", "Z", "+", "am", "pm",
             "Mon", "24:00", "60", "年", "月", "日", "1262304000", "\u0660", "²")  # fmt: skip
    return "".join(chance.choice(parts) + chance.choice(("", " ")) for _ in range(chance.randint(1, 12)))


def check_small(chance: random.Random) -> None:
    """Dates, addresses and markup on their own."""
    for _ in range(30):
        text = date(chance)
        orders: tuple[Order | None, ...] = (None, "day", "month")
        for order in orders:
            moment = read_date(text, order)
            if moment is not None and read_date(moment.isoformat()) != moment:
                raise Found(f"date does not round-trip: {text!r} → {moment}")
        written = address(chance)
        url = urls.absolute(written, chance.choice((None, "https://example.org/a/b?c")))
        if url is not None:
            if urls.absolute(url) != url or not url.startswith(("http://", "https://")):
                raise Found(f"address: {written!r} → {url!r} → {urls.absolute(url)!r}")
            bare = urls.without_tracking(url)
            if urls.without_tracking(bare) != bare:
                raise Found(f"tracking: {url!r} → {bare!r}")
            urls.canonical(url)
            urls.is_redirect(url)
    for _ in range(5):
        soup = markup(chance)
        try:
            check_markup(html.clean(soup, "https://example.org/", LIMITS))
            html.to_text(soup)
        except Found as found:
            raise Found(f"{found} from {soup!r}") from found


def documents() -> list[bytes]:
    """Everything there is to mutate; empty files left out."""
    paths = [path for folder in FOLDERS if folder.exists() for path in sorted(folder.rglob("*")) if path.is_file()]
    return [body for path in paths if path.suffix not in {".csv", ".py"} and (body := path.read_bytes())]


def main(minutes: float, seed: int) -> int:
    """Fuzz for so long; the number of findings."""
    seeds = documents()
    end = time.monotonic() + minutes * 60
    findings = rounds = 0
    while time.monotonic() < end:
        seed += 1
        rounds += 1
        chance = random.Random(seed)  # noqa: S311  # reproducible, not secret
        body = b""
        try:
            check_small(chance)
            body = mutate(chance.choice(seeds), chance, seeds)
            check_document(body, chance.choice(("feed", "feed", "feed", "page", "sitemap")))
        except Exception as error:  # noqa: BLE001  # a finding is any exception
            findings += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            path = Path(f"/tmp/ketfeed-finding-{seed}")  # noqa: S108
            path.write_bytes(body)
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:400]} at {where.name}:{where.lineno}", flush=True)  # noqa: T201
    print(f"{rounds} documents, {rounds * 30} dates and addresses, {findings} findings", flush=True)  # noqa: T201
    return findings


if __name__ == "__main__":
    sys.exit(1 if main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0) else 0)
