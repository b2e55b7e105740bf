"""What discovery reads in a parser's child: a document in few words, and the links of a page that may be feeds."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from parsel import Selector

from ketfeed.errors import PollError
from ketfeed.ingest.charset import decode
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.normalise import read_document
from ketfeed.ingest.page import attribute, page_base, selector
from ketfeed.ingest.survey import Kind, Links, Survey, marks_of
from ketfeed.ingest.urls import absolute
from ketfeed.model import Source

FEED_TYPES = (
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/json",
)
_LOOKS_LIKE_FEED = re.compile(r"(?:^|[/.?=_\-])(?:rss|atom|feeds?|rdf)(?:$|[/.?&=_\-])|\.xml$", re.IGNORECASE)
_LARGEST_PAGE = 2 * 1024 * 1024  # bytes of a page that is looked through for links


def survey(document: Document, kind: Kind, now: datetime, limits: Limits) -> Survey:
    """What a document holds when it is read as that kind. Raises PollError when it is none."""
    feed = read_document(document, Source(id="discovered", url=document.url, type=kind), now, limits)
    dates = [moment for entry in feed.entries if (moment := entry.published or entry.updated) and moment <= now]
    return Survey(
        title=feed.info.title,
        format=feed.info.format,
        newest=max(dates, default=None),
        entries=len(feed.entries) or len(feed.more),
        marks=marks_of(feed.entries),
    )


def find_links(document: Document) -> Links:
    """The feeds a page names and links to."""
    page, base = _page(document)
    if page is None:
        return Links(base=base, readable=False)
    return Links(base=base, named=_named(page, base), linked=_linked(page, base))


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
