"""Which feeds does a site offer? What it names in <link>, what it links to, the usual places; else sitemap or page.

``` text
address ─▶ a feed itself? ─▶ that one
        └▶ page ─▶ <link rel=alternate> ─▶ links that look like feeds ─▶ usual paths ─▶ each fetched and read
                     nothing readable ─▶ robots.txt, /sitemap.xml ─▶ the page itself as a list of articles
```

Every address is fetched through the caller's guarded client and read in the sandbox (pages too: links.py); a candidate
is only what was read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

from ketfeed.errors import PollError
from ketfeed.ingest.limits import Document
from ketfeed.ingest.survey import Kind, Links, Survey
from ketfeed.ingest.urls import absolute, canonical
from ketfeed.model import FetchResult
from ketfeed.net.client import FEED_ACCEPT, PAGE_ACCEPT, outcome_error

MAX_TRIED = 20
"""Addresses fetched for one site, the page itself not counted."""

USUAL_PATHS = (
    "feed", "feed/", "rss", "rss.xml", "atom.xml", "feed.xml", "index.xml", "feed.json", "rss/", "feeds", "blog/feed",
    "news/feed", "news/rss", "blog/rss.xml",
)  # fmt: skip
"""Where WordPress, Drupal, Ghost, Hugo, Jekyll and the like put their feeds, seen from the site's root."""

SITEMAPS = ("sitemap-news.xml", "news-sitemap.xml", "sitemap.xml", "sitemap_index.xml")
_LESS_WANTED = re.compile(r"comments?(?:/|$|-|\.)|/(?:tag|category|author)/", re.IGNORECASE)


class Fetching(Protocol):
    """What discovery needs of net.client.Client."""

    async def get(self, url: str, *, accept: str = ...) -> FetchResult: ...


class Reading(Protocol):
    """What discovery needs of ingest.sandbox.Sandbox."""

    async def survey(self, document: Document, kind: Kind, now: datetime) -> Survey: ...

    async def links(self, document: Document) -> Links: ...


Found = Literal["the address itself", "named by the page", "linked from the page", "at a usual place",
                "a sitemap", "the page itself"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that can be followed: an address that was fetched and read."""

    url: str
    kind: Kind
    found: Found
    title: str = ""
    format: str = ""
    newest: datetime | None = None  # date of its newest entry
    entries: int = 0
    marks: frozenset[str] = field(default=frozenset(), repr=False)


async def discover(
    url: str, client: Fetching, sandbox: Reading, now: datetime, *, pause: float = 1.0, at_most: int = MAX_TRIED
) -> list[Candidate]:
    """What a site offers, best first: feeds it names itself, feeds it links to, feeds found at the usual places.

    ``pause``: seconds between two requests. ``at_most``: addresses fetched beside this one. Empty when nothing can be
    followed. Raises PollError when the address itself cannot be fetched.
    """
    search = _Search(client, sandbox, now, pause, at_most)
    document = await search.fetch(url, f"{FEED_ACCEPT}, {PAGE_ACCEPT}")
    itself = await search.read(document, "feed", "the address itself")
    if itself is not None:
        return [itself]
    links = await search.links(document)
    found = await search.try_all(links.named, "named by the page")
    if not found:
        found = await search.try_all(links.linked, "linked from the page")
    if not found:
        found = await search.try_all(_usual(links.base), "at a usual place")
    if found:
        return rank(found)
    sitemaps = await search.try_all(await search.sitemaps(links.base), "a sitemap", "sitemap")
    as_page = await search.read(document, "page", "the page itself") if links.readable else None
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

    def __init__(self, client: Fetching, sandbox: Reading, now: datetime, pause: float, at_most: int) -> None:
        self.client = client
        self.sandbox = sandbox
        self.now = now
        self.pause = pause
        self.at_most = at_most
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

    async def read(self, document: Document, kind: Kind, found: Found) -> Candidate | None:
        """The document as a candidate of that kind; None when it is none."""
        try:
            survey = await self.sandbox.survey(document, kind, self.now)
        except PollError:
            return None
        return Candidate(
            url=document.url,
            kind=kind,
            found=found,
            title=survey.title,
            format=survey.format,
            newest=survey.newest,
            entries=survey.entries,
            marks=survey.marks,
        )

    async def links(self, document: Document) -> Links:
        """What a page links to; nothing when it cannot be read."""
        try:
            return await self.sandbox.links(document)
        except PollError:
            return Links(base=absolute(document.url) or document.url, readable=False)

    async def try_all(self, urls: Iterable[str], found: Found, kind: Kind = "feed") -> list[Candidate]:
        """Candidates among the addresses, in their order."""
        candidates: list[Candidate] = []
        for url in urls:
            if url in self.tried or len(self.tried) > self.at_most:
                continue
            try:
                candidate = await self.read(await self.fetch(url), kind, found)
            except PollError:
                continue
            if candidate is not None:
                candidates.append(candidate)
        return candidates

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


def _usual(base: str) -> list[str]:
    """The usual paths below the page's own folder, then below the site's root."""
    root = _root(base)
    below = base.split("?", 1)[0].split("#", 1)[0].rstrip("/")
    own = [f"{below}/{path}" for path in ("feed", "rss.xml", "feed.xml")] if below != root else []
    return list(dict.fromkeys([*own, *(f"{root}/{path}" for path in USUAL_PATHS)]))
