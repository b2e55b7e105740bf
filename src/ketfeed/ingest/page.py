"""Pages without a feed become a ParsedFeed: by the editor's selectors, or by the structure a page has.

``` text
selectors? ── yes ─▶ items, link, title, date, summary, image        (CSS, or XPath from "/" or "./")
    └ no ─▶ JSON-LD · microdata · <article>/<time> ── enough? ─▶ entries, gaps filled from each other
                                    └ no ─▶ the link rule: same site, the path of an article, in page order
```

Nothing depends on class names, which change with every redesign. A page on which nothing matches is an error
(NotAFeed), so that a changed layout shows in ``status``; it is never an empty success.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from lxml import etree
from parsel import Selector

from ketfeed.errors import NotAFeed, ParseFailed
from ketfeed.ingest import jsonld
from ketfeed.ingest.dates import MONTHS, read_date
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parsed import ParsedEntry, ParsedFeed, ParsedImage, ParsedLink
from ketfeed.ingest.urls import absolute, canonical, without_tracking
from ketfeed.model import PageRule, Person, RawText

ENOUGH = 3
"""Entries of one kind of structure that make it the page's list; fewer may be a teaser beside it."""

LINK_PATH = re.compile(
    r"^/(?:[a-z]{2}/)?(?:blog|content|news|article|articles|post|posts|story|stories|press|press-releases|"
    r"press-release|research|research-news|updates|insights|media|publications)/[a-z0-9%_.\-]+/?$",
    re.IGNORECASE,
)
"""Paths articles have on a site that says nothing else; BBRF's are ``/blog/SLUG`` and ``/content/SLUG``."""

MAX_LINKS = 2_000
"""Links, articles or list elements of one page that are looked at, in page order."""

NOT_SLUGS = frozenset(
    [
        "page",
        "pages",
        "category",
        "categories",
        "tag",
        "tags",
        "author",
        "authors",
        "archive",
        "archives",
        "feed",
        "rss",
        "search",
        "index",
        "about",
        "contact",
        "all",
        "topics",
        "topic",
        "login",
        "subscribe",
        "newsletter",
    ]
)
_MORE = re.compile(
    r"^(?:read|learn|see|view|continue|find out|full|more|weiterlesen|mehr|lire|en savoir|leer|leggi|details?)"
    r"\b.{0,25}$"
    r"|^[\W\d_]*$",
    re.IGNORECASE,
)
_DATE_WORDS = re.compile(
    r"\b(?:(?:"
    + "|".join(sorted((re.escape(name) for name in MONTHS if len(name) > 2 and name.isascii()), key=len, reverse=True))
    + r")\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4}|\d{1,2}(?:st|nd|rd|th)?\.?\s+(?:"
    + "|".join(sorted((re.escape(name) for name in MONTHS if len(name) > 2), key=len, reverse=True))
    + r")\.?,?\s+\d{4}|\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{4}|\d{1,2}/\d{1,2}/\d{4})\b",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s+")


def parse_page(text: str, base: str, rule: PageRule, limits: Limits) -> ParsedFeed:
    """Entries of a page in page order, each page once.

    ``rule`` has the editor's selectors. Raises NotAFeed when nothing matches, ParseFailed for a selector or page that
    cannot be used.
    """
    page = selector(text)
    base = page_base(page, base)
    if rule.items:
        entries = _by_rule(page, base, rule)
        if not entries:
            raise NotAFeed(
                f"the selector {rule.items!r} matches nothing with a link: the page's layout may have changed"
            )
        how = "selectors of feeds.yaml"
    else:
        entries, how = _by_structure(page, base)
        if not entries:
            raise NotAFeed(
                "no list of articles on the page: its layout may have changed; write items: and link: selectors"
            )
    return ParsedFeed(
        format="page",
        title=_raw(_first(page, "//meta[@property='og:site_name']/@content", "//title//text()", "//h1//text()")),
        links=(ParsedLink(base),) if base else (),
        language=_first(page, "/html/@lang"),
        generator=_first(page, "//meta[@name='generator']/@content"),
        entries=tuple(entries[: limits.entries]),
        notes=(f"page: read by {how}",),
        base=base,
    )


def selector(text: str) -> Selector:
    """The page as a tree; raises NotAFeed when there is none."""
    if not text.strip():
        raise NotAFeed("the page is empty")
    # libxml2 stops at 256 levels of nesting without huge_tree, and keeps what it has read until then
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=False, remove_comments=True, no_network=True)
    try:
        root = etree.fromstring(text.replace("\x00", "").encode("utf-8", "replace"), parser)
    except etree.LxmlError as error:
        raise ParseFailed(f"the page cannot be read: {error}") from error
    if root is None:
        raise NotAFeed("there is no markup on the page")
    return Selector(root=root, type="html")


def attribute(node: Selector, name: str) -> str:
    """An attribute's value or an empty string; parsel's own reading of all of them fails on names lxml refuses."""
    return str(node.root.get(name) or "")


def page_base(page: Selector, address: str) -> str:
    """<base href> seen from the page's address."""
    written = _first(page, "//base/@href")
    return (absolute(written, address) or address) if written else address


# ---------------------------------------------------------------- the editor's selectors


def _by_rule(page: Selector, base: str, rule: PageRule) -> list[ParsedEntry]:
    entries: dict[str, ParsedEntry] = {}
    for item in select(page, rule.items or ""):
        link = _attribute(item, rule.link, ("href",)) if rule.link else _own_link(item)
        address = absolute(link or "", base)
        if address is None:
            continue
        title = _words(select(item, rule.title)) if rule.title else _heading(item) or _link_text(item, link)
        date = _attribute(item, rule.date, ("datetime", "content", "title")) if rule.date else _date_in(item)
        summary = _words(select(item, rule.summary)) if rule.summary else None
        image = _attribute(item, rule.image, ("data-src", "src", "content", "href")) if rule.image else None
        entry = _entry(address, title, date, summary, image)
        entries.setdefault(entry.id or address, entry)
    return list(entries.values())


def select(node: Selector, rule: str) -> list[Selector]:
    """Nodes of a CSS selector, or of an XPath that starts with ``/``, ``./`` or ``(``; raises ParseFailed."""
    try:
        found = node.xpath(_inside(rule)) if rule.startswith(("/", "./", "(", "..")) else node.css(rule)
        return list(found)
    except Exception as error:
        # cssselect and lxml raise a dozen classes for a wrong selector, parsel wraps some of them
        raise ParseFailed(f"the selector {rule!r} is wrong: {error}") from error


def _inside(rule: str) -> str:
    return rule


def _attribute(item: Selector, rule: str | None, names: tuple[str, ...]) -> str | None:
    """What a selector points at: an attribute of the node by preference, else of the first inside it, else its text."""
    for node in select(item, rule or ""):
        if not isinstance(node.root, etree._Element):  # noqa: SLF001  # parsel's own test
            value = str(node.get() or "").strip()
        else:
            value = next((attribute(node, name).strip() for name in names if attribute(node, name).strip()), "")
            if not value:
                inner = [node.xpath(f".//@{name}").get() for name in names]
                value = next((found.strip() for found in inner if found and found.strip()), "") or _text(node)
        if value:
            return value
    return None


def _own_link(item: Selector) -> str | None:
    """The item's own address, else that of its heading, else its first link."""
    return _first(
        item,
        "self::a/@href",
        ".//*[self::h1 or self::h2 or self::h3 or self::h4]//a/@href",
        "ancestor::a[1]/@href",
        ".//a[@href]/@href",
    )


# ---------------------------------------------------------------- the page's own structure


def _by_structure(page: Selector, base: str) -> tuple[list[ParsedEntry], str]:
    """The first kind of structure with enough entries, else the link rule, else whichever found most."""
    found: list[tuple[str, list[ParsedEntry]]] = []
    for name, reader in (
        ("JSON-LD", _json_ld),
        ("microdata", _microdata),
        ("article elements", _articles),
        ("the link rule", _links),
    ):
        entries = _once(reader(page, base))
        found.append((name, entries))
    chosen = next(((name, entries) for name, entries in found if len(entries) >= ENOUGH), None)
    if chosen is None:
        chosen = max(reversed(found), key=lambda pair: len(pair[1]))
    name, entries = chosen
    for _, more in found:
        said = {entry.id: entry for entry in more}
        entries = [_filled(entry, said.get(entry.id)) for entry in entries]
    return entries, name


def _filled(entry: ParsedEntry, other: ParsedEntry | None) -> ParsedEntry:
    """What one structure leaves open and another says of the same page."""
    if other is None:
        return entry
    return replace(
        entry,
        title=entry.title or other.title,
        published=entry.published or other.published,
        summary=entry.summary or other.summary,
        images=entry.images or other.images,
        authors=entry.authors or other.authors,
    )


def _once(entries: Iterable[ParsedEntry]) -> list[ParsedEntry]:
    kept: dict[str, ParsedEntry] = {}
    for entry in entries:
        key = entry.id or ""
        kept[key] = _filled(kept[key], entry) if key in kept else entry
    return list(kept.values())


def _json_ld(page: Selector, base: str) -> list[ParsedEntry]:
    blocks = page.xpath("//script[contains(@type, 'ld+json')]/text()").getall()
    entries = []
    for node in jsonld.listed(blocks):
        address = absolute(
            jsonld.text(node.get("url"))
            or jsonld.text(node.get("mainEntityOfPage"))
            or jsonld.text(node.get("@id"))
            or "",
            base,
        )
        if address and canonical(address) != canonical(base or "http://none.invalid/"):
            entries.append(_from_json_ld(node, address))
    return entries


def _from_json_ld(node: dict[str, Any], address: str) -> ParsedEntry:
    entry = _entry(
        address,
        jsonld.text(node.get("headline")) or jsonld.text(node.get("name")),
        jsonld.text(node.get("datePublished"))
        or jsonld.text(node.get("uploadDate"))
        or jsonld.text(node.get("dateCreated")),
        jsonld.text(node.get("description")),
        jsonld.text(node.get("image")) or jsonld.text(node.get("thumbnailUrl")),
    )
    modified = jsonld.text(node.get("dateModified"))
    return replace(
        entry,
        updated=(modified,) if modified else (),
        authors=tuple(Person(name) for name in jsonld.names(node.get("author"))),
    )


def _microdata(page: Selector, base: str) -> list[ParsedEntry]:
    entries = []
    for item in page.xpath(
        "//*[@itemscope and (contains(@itemtype, 'Article')"
        " or contains(@itemtype, 'BlogPosting') or contains(@itemtype, 'Report'))]"
    ):
        link = _first(
            item,
            ".//*[@itemprop='url']/@href",
            ".//*[@itemprop='mainEntityOfPage']/@itemid",
            ".//*[@itemprop='headline']//a/@href",
            ".//*[@itemprop='headline']/ancestor::a[1]/@href",
        ) or _own_link(item)
        address = absolute(link or "", base)
        if address is None or canonical(address) == canonical(base or "http://none.invalid/"):
            continue
        title = _words(item.xpath(".//*[@itemprop='headline' or @itemprop='name']")[:1]) or _heading(item)
        date = _first(
            item,
            ".//*[@itemprop='datePublished']/@datetime",
            ".//*[@itemprop='datePublished']/@content",
            ".//*[@itemprop='datePublished']//text()",
        )
        summary = _words(item.xpath(".//*[@itemprop='description']")[:1])
        entries.append(
            _entry(address, title, date or _date_in(item), summary, _first(item, ".//img/@data-src", ".//img/@src"))
        )
    return entries


def _articles(page: Selector, base: str) -> list[ParsedEntry]:
    """<article> elements, else the nearest containers of <time> that hold one link's worth of content."""
    items = page.xpath(
        "//article[not(ancestor::article) or ancestor::article[count(.//article) > 1]][not(count(.//article) > 1)]"
    )
    if not items:
        items = page.xpath("//time/ancestor::*[self::li or self::div or self::section or self::tr][.//a[@href]][1]")
    entries = []
    for item in items[:MAX_LINKS]:
        link = _own_link(item)
        address = absolute(link or "", base)
        if address is None or canonical(address) == canonical(base or "http://none.invalid/"):
            continue
        title = _heading(item) or _link_text(item, link)
        if title:
            summary = _words(item.xpath(".//p[not(ancestor::header)][string-length(normalize-space(.)) > 40]")[:1])
            entries.append(
                _entry(address, title, _date_in(item), summary, _first(item, ".//img/@data-src", ".//img/@src"))
            )
    return entries


def _links(page: Selector, base: str) -> list[ParsedEntry]:
    """Links of the same site whose path is an article's, in page order."""
    host = _site(base)
    own = urlsplit(base).path.rstrip("/") if base else ""
    entries: list[ParsedEntry] = []
    for anchor in page.xpath("//a[@href]")[:MAX_LINKS]:
        address = absolute(attribute(anchor, "href"), base)
        if address is None:
            continue
        parts = urlsplit(address)
        slug = parts.path.rstrip("/").rsplit("/", 1)[-1].lower()
        if (host and _site(address) != host) or slug in NOT_SLUGS or slug.isdecimal():
            continue
        below = own and re.fullmatch(re.escape(own) + r"/[a-z0-9%_.\-]+/?", parts.path, re.IGNORECASE)
        if not (below or LINK_PATH.match(parts.path)) or canonical(address) == canonical(
            base or "http://none.invalid/"
        ):
            continue
        title = _clean(_text(anchor)) or _clean(attribute(anchor, "title"))
        if not title or _MORE.match(title):
            title = _near_heading(anchor)
        around = _surroundings(anchor)
        date = _date_in(around) if around is not None else None
        image = _first(around, ".//img/@data-src", ".//img/@src") if around is not None else None
        entries.append(_entry(address, title, date, None, image))
    return [entry for entry in _once(entries) if entry.title is not None]


def _site(address: str) -> str:
    return (urlsplit(address).hostname or "").lower().removeprefix("www.")


def _near_heading(anchor: Selector) -> str | None:
    """The heading around, inside or just before a link that only says "Read more" or shows a picture."""
    return _clean(
        _first_text(
            anchor,
            "ancestor::*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5][1]",
            ".//*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5][1]",
        )
        or (_heading(around) if (around := _surroundings(anchor)) is not None else None)
        or anchor.xpath("string(.//img/@alt)").get()
        or ""
    )


def _surroundings(anchor: Selector) -> Selector | None:
    """The largest element around a link that leads to no other page than this link does."""
    target = attribute(anchor, "href").split("#")[0]
    best: etree._Element | None = None
    for steps, node in enumerate(anchor.root.iterancestors()):
        if steps == 8 or node.tag in {"body", "html"} or _leads_elsewhere(node, target):
            break
        best = node
    return Selector(root=best, type="html") if best is not None else None


def _leads_elsewhere(node: etree._Element, target: str) -> bool:
    """True at the first link to another page; labels of the same article do not count."""
    for link in node.iter("a"):
        href = (link.get("href") or "").split("#")[0]
        if href and href != target and not _LABEL_PATH.search(href):
            return True
    return False


_LABEL_PATH = re.compile(r"/(?:tags?|category|categories|authors?|topics?|taxonomy)/")


# ---------------------------------------------------------------- small readings


def _entry(address: str, title: str | None, date: str | None, summary: str | None, image: str | None) -> ParsedEntry:
    address = without_tracking(address)
    return ParsedEntry(
        id=canonical(address),
        links=(ParsedLink(address),),
        title=_raw(_clean(title)),
        summary=_raw(_clean(summary)),
        published=(date.strip()[:100],) if date and date.strip() else (),
        images=(ParsedImage(image),) if image and not image.startswith("data:") else (),
    )


def _raw(text: str | None) -> RawText | None:
    return RawText(text, "text") if text else None


def _clean(text: str | None) -> str | None:
    return _SPACE.sub(" ", text).strip() or None if text else None


def _text(node: Selector) -> str:
    return " ".join(node.xpath(".//text()[not(ancestor::script) and not(ancestor::style)]").getall())


def _words(nodes: list[Selector]) -> str | None:
    for node in nodes:
        text = _text(node) if isinstance(node.root, etree._Element) else str(node.get() or "")  # noqa: SLF001
        if cleaned := _clean(text):
            return cleaned
    return None


def _first(node: Selector, *paths: str) -> str | None:
    for path in paths:
        for value in node.xpath(path).getall()[:3]:
            if str(value).strip():
                return str(value).strip()
    return None


def _first_text(node: Selector, *paths: str) -> str | None:
    return next((text for path in paths if (text := _words(list(node.xpath(path))))), None)


def _heading(item: Selector) -> str | None:
    return _first_text(
        item, ".//h1", ".//h2", ".//h3", ".//h4", ".//h5", ".//h6", "self::*[self::h1 or self::h2 or self::h3]"
    )


def _link_text(item: Selector, href: str | None) -> str | None:
    for anchor in item.xpath("descendant-or-self::a[@href]"):
        if attribute(anchor, "href") == href and (text := _clean(_text(anchor))) and not _MORE.match(text):
            return text
    return None


def _date_in(item: Selector) -> str | None:
    """<time datetime>, <time> as text, a meta element, else ``Month D, YYYY`` in the text; if it reads as a date."""
    for value in item.xpath(
        "descendant-or-self::time/@datetime | .//meta[@itemprop='datePublished']/@content"
    ).getall():
        if _is_date(value):
            return str(value)
    for node in item.xpath("descendant-or-self::time"):
        text = _clean(_text(node))
        if text and _is_date(text):
            return text
    found = _DATE_WORDS.search(_text(item)[:5000])
    return found.group(0) if found and _is_date(found.group(0)) else None


def _is_date(text: str) -> bool:
    """True also for 03/04/2021, whose meaning the other dates of the page decide."""
    return read_date(text, "day") is not None or read_date(text, "month") is not None
