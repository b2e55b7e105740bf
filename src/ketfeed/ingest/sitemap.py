"""Sitemaps (sitemaps.org 0.9, Google News sitemaps, index files) become a ParsedFeed.

``lastmod`` is when a page changed, so it is ``updated``; ``news:publication_date`` is ``published``. A sitemap
seldom has titles: the article's own page tells it, until then the address does.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from lxml import etree

from ketfeed.errors import NotAFeed, ParseFailed
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parse import refuse_declarations
from ketfeed.ingest.parsed import ParsedEntry, ParsedFeed, ParsedImage, ParsedLink
from ketfeed.ingest.urls import absolute, canonical
from ketfeed.model import Category, RawText, SitemapRule

MAX_ADDRESSES = 50_000
"""Addresses read of one sitemap: the protocol's own limit."""


def parse_sitemap(text: str, base: str, rule: SitemapRule, limits: Limits) -> ParsedFeed:
    """Pages of a sitemap that the rule takes, newest first; of an index file the sitemaps, as links ``rel="sitemap"``.

    Raises NotAFeed when it is no sitemap or the rule takes nothing, ParseFailed when it cannot be read.
    """
    root = _root(text)
    name = _local(root)
    if name == "sitemapindex":
        sitemaps = [(_child(node, "lastmod") or "", _child(node, "loc")) for node in root if _local(node) == "sitemap"]
        ordered = sorted(sitemaps, key=lambda pair: pair[0], reverse=True)
        links = tuple(
            ParsedLink(loc, "sitemap", None, base) for _, loc in ordered[:1000] if loc and absolute(loc, base)
        )
        if not links:
            raise NotAFeed("the sitemap index names no sitemap")
        return ParsedFeed(format="sitemap-index", links=links, base=base)
    if name != "urlset":
        raise NotAFeed(f"this is not a sitemap: its root element is {name[:40]!r}")
    found: dict[str, tuple[str, ParsedEntry]] = {}
    for node in root.iterchildren("{*}url"):
        if len(found) >= MAX_ADDRESSES:
            break
        loc = absolute(_child(node, "loc") or "", base, limits.url)
        if loc and _wanted(loc, rule):
            entry = _entry(node, loc)
            found.setdefault(canonical(loc), (_newest(entry), entry))
    if not found:
        raise NotAFeed("the sitemap's rule takes no address: include or exclude may be out of date")
    # ISO dates sort as text; pages without a date keep their place at the end
    entries = [entry for _, entry in sorted(found.values(), key=lambda pair: pair[0], reverse=True)]
    notes = (f"sitemap: {len(found)} addresses taken",) if len(found) > limits.entries else ()
    return ParsedFeed(format="sitemap", entries=tuple(entries[: limits.entries]), notes=notes, base=base)


def _root(text: str) -> etree._Element:
    refuse_declarations(text)
    # the document is decoded already, so its declaration counts no more
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, recover=True, remove_comments=True, encoding="utf-8"
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        raise ParseFailed(f"the sitemap cannot be read: {error}") from error
    if root is None:
        raise NotAFeed("this is not a sitemap")
    return root


def _local(node: etree._Element) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def _child(node: etree._Element, name: str) -> str | None:
    found = node.find(f"{{*}}{name}")
    return (found.text or "").strip() or None if found is not None else None


def _wanted(address: str, rule: SitemapRule) -> bool:
    if rule.include and not re.search(rule.include, address):
        return False
    return not (rule.exclude and re.search(rule.exclude, address))


def _newest(entry: ParsedEntry) -> str:
    return max([*entry.published, *entry.updated], default="")


def _entry(node: etree._Element, loc: str) -> ParsedEntry:
    news = node.find("{*}news")
    image = node.find("{*}image")
    published = lang = title = words = None
    if news is not None:
        published, title, words = (_child(news, name) for name in ("publication_date", "title", "keywords"))
        publication = news.find("{*}publication")
        lang = _child(publication, "language") if publication is not None else None
    lastmod = _child(node, "lastmod")
    picture = _child(image, "loc") if image is not None else None
    return ParsedEntry(
        id=canonical(loc),
        links=(ParsedLink(loc),),
        title=RawText(title or title_of_address(loc), "text"),
        published=(published,) if published else (),
        updated=(lastmod,) if lastmod else (),
        categories=tuple(Category(word.strip()) for word in (words or "")[:2000].split(",") if word.strip()),
        images=(ParsedImage(picture),) if picture else (),
        language=lang,
        notes=() if title else (TITLE_OF_ADDRESS,),
    )


TITLE_OF_ADDRESS = "title: missing, made from the address"


def title_of_address(address: str) -> str:
    """``https://x.org/blog/ketamine-for-ptsd.html`` → ``Ketamine for ptsd``."""
    parts = [part for part in urlsplit(address).path.split("/") if part]
    last = re.sub(r"\.[a-z]{2,5}$", "", unquote(parts[-1])) if parts else ""
    words = re.sub(r"[-_+\s]+", " ", last).strip()
    return words[:1].upper() + words[1:] if words else address
