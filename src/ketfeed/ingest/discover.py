"""Which feeds does a site offer? What it names in <link>, what it links to, the usual places; else sitemap or page.

``` text
address ─▶ a feed itself? ─▶ that one
        └▶ page ─▶ <link rel=alternate> ─▶ links that look like feeds ─▶ usual paths ─▶ each fetched and read
                     nothing readable ─▶ robots.txt, /sitemap.xml ─▶ the page itself as a list of articles
```

Every address is fetched through the caller's guarded client and read in the sandbox; a candidate is only what was read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

from parsel import Selector

from ketfeed.errors import PollError
from ketfeed.ingest.charset import decode
from ketfeed.ingest.limits import Document
from ketfeed.ingest.page import attribute, page_base, selector
from ketfeed.ingest.urls import absolute, canonical
from ketfeed.model import FetchResult, NormalisedFeed, Source
from ketfeed.net.client import FEED_ACCEPT, PAGE_ACCEPT, outcome_error

MAX_TRIED = 20
"""Addresses fetched for one site, the page itself not counted."""

FEED_TYPES = (
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/json",
)
USUAL_PATHS = (
    "feed", "feed/", "rss", "rss.xml", "atom.xml", "feed.xml", "index.xml", "feed.json", "rss/", "feeds", "blog/feed",
    "news/feed", "news/rss", "blog/rss.xml",
)  # fmt: skip
"""Where WordPress, Drupal, Ghost, Hugo, Jekyll and the like put their feeds, seen from the site's root."""

SITEMAPS = ("sitemap-news.xml", "news-sitemap.xml", "sitemap.xml", "sitemap_index.xml")
_LOOKS_LIKE_FEED = re.compile(r"(?:^|[/.?=_\-])(?:rss|atom|feeds?|rdf)(?:$|[/.?&=_\-])|\.xml$", re.IGNORECASE)
_LESS_WANTED = re.compile(r"comments?(?:/|$|-|\.)|/(?:tag|category|author)/", re.IGNORECASE)
_LARGEST_PAGE = 2 * 1024 * 1024  # bytes of a page that is looked through for links


class Fetching(Protocol):
    """What discovery needs of net.client.Client."""

    async def get(self, url: str, *, accept: str = ...) -> FetchResult: ...


class Reading(Protocol):
    """What discovery needs of ingest.sandbox.Sandbox."""

    async def read(self, document: Document, source: Source, now: datetime) -> NormalisedFeed: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that can be followed: an address that was fetched and read."""

    url: str
    kind: Literal["feed", "sitemap", "page"]
    title: str = ""
    format: str = ""
    newest: datetime | None = None  # date of its newest entry
    entries: int = 0


async def discover(
    url: str, client: Fetching, sandbox: Reading, now: datetime, *, pause: float = 1.0
) -> list[Candidate]:
    """What a site offers, best first: feeds it names itself, feeds it links to, feeds found at the usual places.

    ``pause``: seconds between two requests. Empty when nothing can be followed. Raises PollError when the address
    itself cannot be fetched.
    """
    search = _Search(client, sandbox, now, pause)
    document = await search.fetch(url, f"{FEED_ACCEPT}, {PAGE_ACCEPT}")
    itself = await search.read(document, "feed")
    if itself is not None:
        return [itself]
    page, base = _page(document)
    named = _named(page, base) if page is not None else []
    found = await search.try_all(named)
    if not found and page is not None:
        found = await search.try_all(_linked(page, base))
    if not found:
        found = await search.try_all(_usual(base))
    if found:
        return rank(found)
    sitemaps = await search.try_all(await search.sitemaps(base), "sitemap")
    as_page = await search.read(document, "page")
    return rank(sitemaps[:2]) + ([as_page] if as_page else [])


def rank(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Best first: not comments or one category, with entries, in the order found; the same feed once."""
    kept: dict[str, Candidate] = {}
    for candidate in candidates:
        kept.setdefault(canonical(candidate.url), candidate)
    twice: dict[tuple[str, str, object], Candidate] = {}
    for candidate in kept.values():
        key = (candidate.title, candidate.format, candidate.newest or candidate.url)
        twice.setdefault(key, candidate)
    return sorted(
        twice.values(),
        key=lambda candidate: (
            bool(_LESS_WANTED.search(urlsplit(candidate.url).path)) or candidate.title.lower().startswith("comments "),
            candidate.entries == 0,
        ),
    )


class _Search:
    """One discovery: what was tried, and the pause between requests."""

    def __init__(self, client: Fetching, sandbox: Reading, now: datetime, pause: float) -> None:
        self.client = client
        self.sandbox = sandbox
        self.now = now
        self.pause = pause
        self.tried: set[str] = set()

    async def fetch(self, url: str, accept: str = FEED_ACCEPT) -> Document:
        if self.tried:
            await asyncio.sleep(self.pause)
        self.tried.add(url)
        result = await self.client.get(url, accept=accept)
        problem = outcome_error(result)
        if problem is not None:
            raise problem
        return Document(result.body, result.header("content-type"), result.final_url, result.header("content-location"))

    async def read(self, document: Document, kind: Literal["feed", "sitemap", "page"]) -> Candidate | None:
        """The document as a candidate of that kind; None when it is none."""
        source = Source(id="discovered", url=document.url, type=kind)
        try:
            feed = await self.sandbox.read(document, source, self.now)
        except PollError:
            return None
        dates = [
            moment for entry in feed.entries if (moment := entry.published or entry.updated) and moment <= self.now
        ]
        return Candidate(
            url=document.url,
            kind=kind,
            title=feed.info.title,
            format=feed.info.format,
            newest=max(dates, default=None),
            entries=len(feed.entries) or len(feed.more),
        )

    async def try_all(self, urls: Iterable[str], kind: Literal["feed", "sitemap"] = "feed") -> list[Candidate]:
        """Candidates among the addresses, in their order."""
        found: list[Candidate] = []
        for url in urls:
            if url in self.tried or len(self.tried) > MAX_TRIED:
                continue
            try:
                candidate = await self.read(await self.fetch(url), kind)
            except PollError:
                continue
            if candidate is not None:
                found.append(candidate if kind == "sitemap" else replace(candidate, url=candidate.url))
        return found

    async def sitemaps(self, base: str) -> list[str]:
        """Sitemaps of robots.txt (RFC 9309 leaves the line to sitemaps.org), then the usual addresses."""
        root = _root(base)
        named: list[str] = []
        try:
            robots = await self.fetch(f"{root}/robots.txt", "text/plain, */*;q=0.1")
        except PollError:
            pass
        else:
            text = robots.body[:500_000].decode("utf-8", "replace")
            lines = re.findall(r"(?im)^[ \t]*sitemap[ \t]*:[ \t]*(\S{1,2000})", text)
            named = [found for line in lines[:10] if (found := absolute(line, base))]
        return list(dict.fromkeys([*named, *(f"{root}/{path}" for path in SITEMAPS)]))


def _root(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _page(document: Document) -> tuple[Selector | None, str]:
    """The page as a tree and the base of its links; no tree when it is no page."""
    address = absolute(document.url) or document.url
    if len(document.body) > _LARGEST_PAGE:
        document = replace(document, body=document.body[:_LARGEST_PAGE])
    try:
        text, _ = decode(document.body, document.content_type, _LARGEST_PAGE)
        page = selector(text)
    except PollError:
        return None, address
    return page, page_base(page, address)


def _named(page: Selector, base: str) -> list[str]:
    """<link rel="alternate" type="application/rss+xml" href="…"> and its kin, in page order."""
    found: list[str] = []
    for link in page.xpath("//link[@href] | //a[@rel='alternate' and @href]")[:500]:
        rel, kind = (
            attribute(link, "rel").lower().split(),
            attribute(link, "type").lower().split(";")[0].strip(),
        )
        if (("alternate" in rel and kind in FEED_TYPES) or "feed" in rel) and (
            address := absolute(attribute(link, "href"), base)
        ):
            found.append(address)
    return list(dict.fromkeys(found))


def _linked(page: Selector, base: str) -> list[str]:
    """Links of the page that look like feeds."""
    found: list[str] = []
    for href in page.xpath("//a/@href").getall()[:5000]:
        address = absolute(href, base)
        if address and _LOOKS_LIKE_FEED.search(f"{urlsplit(address).path}?{urlsplit(address).query}".rstrip("?")):
            found.append(address)
    return list(dict.fromkeys(found))[:10]


def _usual(base: str) -> list[str]:
    """The usual paths below the page's own folder, then below the site's root."""
    root = _root(base)
    below = base.split("?", 1)[0].split("#", 1)[0].rstrip("/")
    own = [f"{below}/{path}" for path in ("feed", "rss.xml", "feed.xml")] if below != root else []
    return list(dict.fromkeys([*own, *(f"{root}/{path}" for path in USUAL_PATHS)]))
