"""RSS 2.0 and Atom 1.0 through feedgen, with one extension for everything it cannot write.

Checked against feedgen 1.0.0: links of an Atom entry lose rel, type and length; ``source`` has no id; ``updated`` is
the time of rendering unless set; an author of RSS needs an e-mail address; RSS ``description`` and Atom ``summary``
share one text; relations are a closed list for entries; one control character raises for the whole feed (here none
arrives: ``wording``). feedgen is imported in this file only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from ketfeed import __version__
from ketfeed.publish.document import MEDIA_TYPES, REASON_RELATION, Document, Format, Item
from ketfeed.publish.wording import escape, looks_like_html, timestamp

ATOM = "http://www.w3.org/2005/Atom"
DC = "http://purl.org/dc/elements/1.1/"
MEDIA = "http://search.yahoo.com/mrss/"
HISTORY = "http://purl.org/syndication/history/1.0"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
NAMESPACES = {"dc": DC, "media": MEDIA, "fh": HISTORY}
RSS_IMAGE_ENDINGS = (".png", ".gif", ".jpg", ".jpeg")

_FORMATTING = threading.Lock()
"""feedgen sets the locale of the whole process while it writes a date of RSS."""

_log = structlog.get_logger(__name__)

Element = etree._Element  # noqa: SLF001  # lxml gives its element type no other name


def rss(document: Document) -> bytes:
    """The document as RSS 2.0, UTF-8, with its XML declaration."""
    generator = _generator(document, "rss")
    generator.description(document.description)
    generator.language(document.language)
    generator.ttl(document.ttl)
    if document.icon.endswith(RSS_IMAGE_ENDINGS):
        generator.image(url=document.icon, title=document.title, link=document.page)
    with _FORMATTING:
        return _with_stylesheet(generator.rss_str(pretty=True), document)


def atom(document: Document) -> bytes:
    """The document as Atom 1.0, UTF-8, with its XML declaration."""
    generator = _generator(document, "atom")
    generator.subtitle(document.description)
    generator.language(document.language)
    generator.author({"name": document.site_title, "uri": document.site_url})
    generator.icon(document.icon)
    return _with_stylesheet(generator.atom_str(pretty=True), document)


def _generator(document: Document, form: Format) -> FeedGenerator:
    generator = FeedGenerator()
    generator.id(document.id)
    generator.title(document.title)
    generator.updated(document.updated)
    generator.generator("ketfeed", version=__version__)
    generator.docs("https://www.rssboard.org/rss-specification")
    generator.link(href=document.addresses[form], rel="self", type=MEDIA_TYPES[form])
    generator.link(href=document.page, rel="alternate", type="text/html")  # the last one is RSS's <link>
    generator.register_extension("ketfeed", _feed_extension(document, form), _ItemExtension)
    return generator


def _with_stylesheet(xml: bytes, document: Document) -> bytes:
    """Browsers have removed XSLT and show XML through CSS."""
    if document.stylesheet is None:
        return xml
    head, end, body = xml.partition(b"?>\n")
    href = document.stylesheet.replace("&", "&amp;").replace('"', "&quot;")
    return head + end + f'<?xml-stylesheet type="text/css" href="{href}"?>\n'.encode() + body


def _feed_extension(document: Document, form: Format) -> Callable[[], BaseExtension]:
    return lambda: _FeedExtension(document, form)


class _FeedExtension(BaseExtension):  # type: ignore[misc]  # feedgen ships no types
    """The links feedgen cannot write, and the items, each built on its own so that a bad one harms no other."""

    def __init__(self, document: Document, form: Format) -> None:
        self.document = document
        self.form = form

    def extend_ns(self) -> dict[str, str]:
        return NAMESPACES

    def extend_atom(self, feed: Element) -> Element:
        for name in ("title", "subtitle"):
            _declare(_only(feed, name))
        self._links(feed, "link")
        for item in self.document.items:
            self._append(feed, item, lambda entry: entry.atom_entry())
        return feed

    def extend_rss(self, feed: Element) -> Element:
        channel = feed[0]
        self._links(channel, f"{{{ATOM}}}link")
        for item in self.document.items:
            self._append(channel, item, lambda entry: entry.rss_entry())
        return feed

    def _links(self, parent: Element, tag: str) -> None:
        document, form = self.document, self.form
        for hub in document.hubs:
            etree.SubElement(parent, tag, href=hub, rel="hub")
        for relation, addresses in (
            ("current", document.current),
            ("prev-archive", document.previous),
            ("next-archive", document.next),
        ):
            if addresses:
                etree.SubElement(parent, tag, href=addresses[form], rel=relation, type=MEDIA_TYPES[form])
        if document.archive:
            etree.SubElement(parent, f"{{{HISTORY}}}archive")

    def _append(self, parent: Element, item: Item, write: Callable[[FeedEntry], Element]) -> None:
        try:
            element = write(_entry(item))
            etree.tostring(element)
        except Exception:  # noqa: BLE001  # whatever is wrong with one item, the others are published
            _log.exception("an item could not be written", action="publish", feed=self.document.key, item=item.id)
            return
        parent.append(element)


def _entry(item: Item) -> FeedEntry:
    entry = FeedEntry()
    entry.id(item.id)
    entry.title(item.title)
    entry.link(href=item.url, rel="alternate")
    entry.published(item.published)
    entry.updated(item.updated)
    entry.author([{"name": name.name, **({"uri": name.uri} if name.uri else {})} for name in item.authors])
    entry.summary(item.summary, type="text")
    entry.content(item.content, type="html")
    for label in item.categories:
        entry.category({"term": label.term, "label": label.label, **({"scheme": label.scheme} if label.scheme else {})})
    if item.comments:
        entry.comments(item.comments)
    entry.source(url=item.origin.feed or item.origin.homepage or item.origin.identity, title=item.origin.title)
    entry.register_extension("ketfeed", _ItemExtension)
    entry.ketfeed.item = item
    return entry


class _ItemExtension(BaseExtension):  # type: ignore[misc]  # feedgen ships no types
    """What feedgen leaves out or writes wrongly of one item."""

    item: Item | None = None

    def extend_atom(self, entry: Element) -> Element:
        item = self.item
        if item is None:
            return entry
        if item.language:
            entry.set(XML_LANG, item.language)
        for name in ("title", "summary"):
            _declare(_only(entry, name))
        for link in entry.findall("link"):
            entry.remove(link)
        # text/html whatever it leads to: feedparser takes only such a link for the entry's
        etree.SubElement(entry, "link", href=item.url, rel="alternate", type="text/html")
        for attachment in item.attachments:
            _enclosure(entry, "link", attachment.url, attachment.type, attachment.length)
        if item.comments:
            etree.SubElement(entry, "link", href=item.comments, rel="replies", type="text/html")
        _more_links(entry, "link", item)
        _thumbnail(entry, item)
        if item.rights:
            etree.SubElement(entry, "rights").text = item.rights
            _declare(_only(entry, "rights"))
        _fill_source(_only(entry, "source"), item)
        return entry

    def extend_rss(self, entry: Element) -> Element:
        item = self.item
        if item is None:
            return entry
        # A description is HTML: "AT&T <cost>" must be escaped once more than in Atom's plain summary.
        _only(entry, "description").text = escape(item.summary)
        for author in item.authors:
            etree.SubElement(entry, f"{{{DC}}}creator").text = author.name
        if item.language:
            etree.SubElement(entry, f"{{{DC}}}language").text = item.language
        if item.rights:
            etree.SubElement(entry, f"{{{DC}}}rights").text = item.rights
        if item.attachments:
            first, *others = item.attachments
            etree.SubElement(entry, "enclosure", url=first.url, length=str(first.length), type=first.type)
            for other in others:  # RSS has one enclosure; readers take the last of several, or none
                _enclosure(entry, f"{{{ATOM}}}link", other.url, other.type, other.length)
        etree.SubElement(entry, f"{{{ATOM}}}updated").text = timestamp(item.updated)
        _more_links(entry, f"{{{ATOM}}}link", item)
        _thumbnail(entry, item)
        return entry


def _only(parent: Element, name: str) -> Element:
    found = parent.find(name)
    if found is None:
        raise ValueError(f"feedgen wrote no {name}")
    return found


def _declare(text: Element) -> None:
    """Mark plain text that looks like HTML ("S&P500") as the HTML it then is: a reader must not have to guess."""
    if looks_like_html(text.text or ""):
        text.set("type", "html")
        text.text = escape(text.text or "")


def _enclosure(parent: Element, tag: str, url: str, kind: str, length: int) -> None:
    etree.SubElement(parent, tag, href=url, rel="enclosure", type=kind, length=str(length))


def _more_links(parent: Element, tag: str, item: Item) -> None:
    for report in item.also:
        etree.SubElement(parent, tag, href=report.url, rel="related", type="text/html", title=report.title)
    for name, address in item.identifiers:
        etree.SubElement(parent, tag, href=address, rel="related", title=name)
    for topic in item.topics:
        for reason in topic.reasons:
            etree.SubElement(parent, tag, href=topic.url, rel=REASON_RELATION, title=f"{topic.title}: {reason}")


def _thumbnail(parent: Element, item: Item) -> None:
    if item.image:
        etree.SubElement(parent, f"{{{MEDIA}}}thumbnail", url=item.image)


def _fill_source(source: Element, item: Item) -> None:
    """RFC 4287 section 4.2.11: what the source's own feed says of itself. Its ``updated`` is the entry's, because the
    time of our last visit would change the bytes with every visit."""
    for child in list(source):
        source.remove(child)
    origin = item.origin
    etree.SubElement(source, "id").text = origin.identity
    etree.SubElement(source, "title").text = origin.title
    _declare(_only(source, "title"))
    etree.SubElement(source, "updated").text = timestamp(item.updated)
    if origin.homepage:
        etree.SubElement(source, "link", href=origin.homepage, rel="alternate", type="text/html")
    if origin.feed:
        etree.SubElement(source, "link", href=origin.feed, rel="self")
    if origin.rights:
        etree.SubElement(source, "rights").text = origin.rights
        _declare(_only(source, "rights"))
