"""What the elements of feeds mean: start and end of each become slots of plain dictionaries.

``Elements`` is mixed into feedparser's strict and loose parsers (``parse.py``). It keeps what an aggregator needs and
feedparser 6.0.14 blurs: ids and links as written, dates as written and by element, texts with type and base, every
author as a string. Nothing is resolved, sanitised or dated here.

An item is a dictionary: ``id`` ``id_is_link`` ``links`` ``texts`` ``dates`` ``people`` ``categories`` ``enclosures``
``media`` ``identifiers`` ``extra`` ``language`` ``base``. Where an element comes at several depths the shallowest
wins (a title inside media:group is not the item's title); at the same depth the first that says something.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from ketfeed.errors import ForbiddenXml
from ketfeed.ingest.handlers import ENDS, STARTS
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parsed import ParsedLink
from ketfeed.ingest.people import read_person
from ketfeed.ingest.strings import joined, looks_like_html, mend, unwrap
from ketfeed.model import Person

Attributes = dict[str, str]
Item = dict[str, Any]
Text = tuple[int, str, str, str]  # depth, value, media type, base

XHTML = "application/xhtml+xml"
HTML_TYPES = frozenset({"text/html", XHTML})

TEXTS: Mapping[str, str] = {
    "title": "text/plain",
    "dc_title": "text/plain",
    "media_title": "text/plain",
    "itunes_title": "text/plain",
    "description": "text/html",
    "dc_description": "text/html",
    "dcterms_abstract": "text/html",
    "abstract": "text/html",
    "media_description": "text/html",
    "itunes_summary": "text/html",
    "itunes_subtitle": "text/plain",
    "googleplay_description": "text/html",
    "summary": "text/plain",
    "subtitle": "text/plain",
    "tagline": "text/plain",
    "content": "text/plain",
    "content_encoded": "text/html",
    "fullitem": "text/html",
    "body": XHTML,
    "xhtml_body": XHTML,
    "rights": "text/plain",
    "copyright": "text/plain",
    "dc_rights": "text/plain",
    "dcterms_rights": "text/plain",
    "media_copyright": "text/plain",
}
"""Elements that hold text or markup, and the media type they have when they do not say."""

DATES: Mapping[str, str] = {
    "pubdate": "pubdate",
    "published": "published",
    "issued": "issued",
    "created": "created",
    "date": "dc_date",  # RSS 1.0 without the prefix
    "dc_date": "dc_date",
    "dc_created": "dcterms_created",
    "dc_issued": "dcterms_issued",
    "dc_modified": "dcterms_modified",
    "dcterms_date": "dc_date",
    "dcterms_created": "dcterms_created",
    "dcterms_issued": "dcterms_issued",
    "dcterms_modified": "dcterms_modified",
    "prism_publicationdate": "prism_date",
    "prism_coverdate": "prism_coverdate",
    "updated": "updated",
    "modified": "modified",
    "lastbuilddate": "lastbuilddate",
}
"""Date elements → the slot that keeps the string as written."""

IDENTIFIERS: Mapping[str, str] = {
    "dc_identifier": "dc:identifier",
    "dcterms_identifier": "dcterms:identifier",
    "prism_doi": "prism:doi",
    "prism_url": "prism:url",
}

AUTHORS: Mapping[str, str] = {
    "author": "author",
    "dc_creator": "creator",
    "dc_author": "creator",
    "dcterms_creator": "creator",
    "itunes_author": "itunes",
    "googleplay_author": "itunes",
    "managingeditor": "editor",
    "webmaster": "publisher",
    "dc_publisher": "publisher",
    "itunes_owner": "publisher",
    "contributor": "contributor",
    "dc_contributor": "contributor",
    "media_credit": "credit",
}
"""Elements that name somebody → what they did."""

ROOTS = frozenset({"rss", "rdf_rdf", "rdf", "feed", "entry", "channel", "item", "redirect"})
"""Root elements of the formats ketfeed reads; ``redirect`` is Userland's notice that a feed has moved."""

ITEM_ELEMENTS = frozenset({"pubdate", "guid", "description", "content_encoded", "dc_date", "dc_creator"})
"""In an ill-formed RSS document these end a title or description that nobody closed."""


class Refused(Exception):  # a signal, not an error of its own
    """Carries the verdict on a document out of the parser's callbacks."""

    def __init__(self, error: ForbiddenXml | None) -> None:
        self.error = error  # None: the root element is none of a feed
        super().__init__(str(error))


class Elements:
    """Handlers shared by the strict and the loose parser; see the module's docstring for what they leave behind."""

    # feedparser's own state, named as its handlers name it
    depth: int
    version: str
    lang: str | None
    baseuri: str
    basestack: list[str]
    langstack: list[str | None]
    elementstack: list[list[Any]]
    namespacemap: dict[str, str]
    incontent: int
    inentry: int
    infeed: int
    svgOK: int  # noqa: N815

    can_be_relative_uri: frozenset[str] = frozenset()  # nothing is resolved here: identity is the string as written

    def prepare(self, limits: Limits, base: str, *, loose: bool) -> None:
        """Start a document; ``base`` is its address or empty."""
        self.limits = limits
        self.loose = loose
        self.baseuri = base
        self.channel: Item = _item(base, None)
        self.items: list[Item] = []
        self.context: Item = self.channel
        self.outer: list[Item] = []  # contexts around a source, image or text input
        self.contentparams: dict[str, Any] = {}
        self.person: dict[str, str] | None = None
        self.root: str | None = None
        self.root_version = ""
        self.hours: list[str] = []
        self.days: list[str] = []
        self.handlers: dict[str, tuple[Callable[..., None] | None, Callable[..., None] | None]] = {}

    # ------------------------------------------------------------ opening and closing

    def unknown_starttag(self, tag: str, attrs: list[tuple[str, str]]) -> None:
        """An element of the loose parser, its prefix as written."""
        values = dict(self._normalize_attributes(pair) for pair in attrs)  # type: ignore[attr-defined]
        for name, uri in values.items():
            if name == "xmlns" or name.startswith("xmlns:"):
                self.track_namespace(name[6:] or None, uri)  # type: ignore[attr-defined]
        self.start(*self._name(tag), values)

    def unknown_endtag(self, tag: str) -> None:
        """The end of an element of the loose parser."""
        self.end(*self._name(tag))

    def _name(self, tag: str) -> tuple[str, str]:
        prefix, _, local = tag.rpartition(":")
        prefix = self.namespacemap.get(prefix, prefix).lower()
        return (f"{prefix}_{local}" if prefix else local), local

    def start(self, key: str, local: str, attrs: Attributes) -> None:
        """An element opens. ``key`` is ``prefix_name`` with the prefix of NAMESPACES, all in lower case."""
        self.depth += 1
        if self.depth > self.limits.depth:
            raise Refused(ForbiddenXml(f"elements are nested more than {self.limits.depth} deep"))
        if self.root is None:
            self.root = key
            self.root_version = attrs.get("version", "").strip()
            if key not in ROOTS:
                raise Refused(None)
        if attrs:
            self._scope(attrs)
        self.basestack.append(self.baseuri)
        self.langstack.append(self.lang)
        if self.incontent:
            if self.loose and self._ends_content(key):
                self._abandon_content()
            elif self._inline(key, local, attrs):
                return
        handler = self._handlers(key)[0]
        if handler is None:
            self.push(key, 1)
        else:
            handler(attrs)

    def end(self, key: str, local: str) -> None:
        """An element closes."""
        if self.svgOK and local == "svg":
            self.svgOK -= 1
        handler = None if self.svgOK else self._handlers(key)[1]
        if handler is None:
            self.pop(key)
        else:
            handler()
        if self.incontent:
            kind = self.contentparams.get("type", "xml")
            if not kind.endswith("xml") and local != "div":
                self.contentparams["type"] = kind = XHTML
            if kind == XHTML:
                self.handle_data(f"</{local}>", escape=0)  # type: ignore[attr-defined]
        if self.basestack:
            self.basestack.pop()
            if self.basestack:
                self.baseuri = self.basestack[-1]
        if self.langstack:
            self.langstack.pop()
            if self.langstack:
                self.lang = self.langstack[-1]
        self.depth -= 1

    def _scope(self, attrs: Attributes) -> None:
        """xml:base and xml:lang hold for an element and what is in it."""
        if len(attrs) > self.limits.attributes:
            raise Refused(ForbiddenXml(f"an element has more than {self.limits.attributes} attributes"))
        base = attrs.get("xml:base")
        if base:
            self.baseuri = self.join(self.baseuri, base)
        lang = attrs.get("xml:lang")
        if lang is not None:
            self.lang = lang.replace("_", "-") or None  # xml:lang="" says: unknown

    @staticmethod
    def join(base: str, address: str) -> str:
        """``address`` seen from ``base``; parse.py gives the one of urls.py."""
        raise NotImplementedError

    def _ends_content(self, key: str) -> bool:
        return key in {"item", "entry"} or (self.root in {"rss", "rdf_rdf"} and key in ITEM_ELEMENTS)

    def _abandon_content(self) -> None:
        """A title or description was never closed: what it has so far is its text."""
        while self.incontent and self.elementstack:
            name = self.elementstack[-1][0]
            if name in TEXTS:
                self._end_text(name)
            else:
                self.elementstack.pop()
        self.incontent = 0

    def _inline(self, key: str, local: str, attrs: Attributes) -> bool:
        """Markup standing as elements inside a text construct is written out again as markup."""
        if not self.contentparams.get("type", "xml").endswith("xml"):
            if key in {"div", "xhtml_div"}:
                return True  # Typepad: an escaped text wrapped in a real div
            self.contentparams["type"] = XHTML  # it says escaped, and is not
        if self.contentparams.get("type") != XHTML:
            return False
        if local == "svg":
            self.svgOK += 1
        written = self.strattrs(  # type: ignore[attr-defined]
            [(name, value) for name, value in attrs.items() if not name.startswith("xml")]
        )
        self.handle_data(f"<{local}{written}>", escape=0)  # type: ignore[attr-defined]
        return True

    def _handlers(self, key: str) -> tuple[Callable[..., None] | None, Callable[..., None] | None]:
        found = self.handlers.get(key)
        if found is None:
            found = self.handlers[key] = self._find_handlers(key)
        return found

    def _find_handlers(self, key: str) -> tuple[Callable[..., None] | None, Callable[..., None] | None]:
        if key in TEXTS:
            return (lambda attrs: self._start_text(key, attrs)), (lambda: self._end_text(key))
        if key in DATES:
            return (lambda attrs: self._start_date(key, attrs)), (lambda: self._end_date(key))
        if key in AUTHORS:
            return (lambda attrs: self._start_somebody(key, attrs)), (lambda: self._end_somebody(key))
        if key in IDENTIFIERS:
            return None, (lambda: self._end_identifier(key))
        return STARTS.get(key, _nothing)(self), ENDS.get(key, _nothing)(self)

    # ------------------------------------------------------------ text

    def push(self, element: str, expecting_text: int) -> None:
        """Begin to collect the text of an element."""
        self.elementstack.append([element, expecting_text, []])

    def pop(self, element: str, strip_whitespace: int = 1) -> str | None:
        """The text of an element that closes; None when it is not the one that was opened last."""
        if not self.elementstack or self.elementstack[-1][0] != element:
            return None
        pieces = self.elementstack.pop()[2]
        value = joined(pieces)
        if self.contentparams.get("base64"):
            try:
                value = base64.b64decode(value.encode("ascii", "ignore")).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                value = ""  # a picture or a program, not text
        elif self.loose:
            value = self.decode_entities(element, value)  # type: ignore[attr-defined]
        value = mend(value)  # before white space goes: half a character may look like a space
        if strip_whitespace:
            value = value.strip()
        if value and element not in TEXTS:
            depth, kept = self.context["extra"].get(element, (1 << 30, ""))
            if self.depth < depth or not kept:
                self.context["extra"][element] = (self.depth, value)
        return value

    def _start_text(self, key: str, attrs: Attributes) -> None:
        self.incontent += 1
        kind = self.map_content_type(attrs.get("type", TEXTS[key]))  # type: ignore[attr-defined]
        self.contentparams = {"type": kind, "base": self.baseuri}
        if attrs.get("mode") == "base64" or not (kind.startswith("text/") or kind.endswith(("+xml", "/xml"))):
            self.contentparams["base64"] = True
        if key == "content" and (src := attrs.get("src")):
            self.context["links"].append(ParsedLink(src, "content", kind, self.baseuri))
        self.push(key, 1)

    def _end_text(self, key: str) -> None:
        if not self.elementstack or self.elementstack[-1][0] != key:
            self.incontent = max(0, self.incontent - 1)
            return
        if self.contentparams.get("type") == XHTML:
            unwrap(self.elementstack[-1][2])
        value = self.pop(key) or ""
        kind, base = self.contentparams.get("type", "text/html"), self.contentparams.get("base", "")
        self.incontent = max(0, self.incontent - 1)
        self.contentparams = {}
        if kind == "text/plain" and not self.is_atom() and looks_like_html(value):
            kind = "text/html"  # RSS does not say; feeds do both
        texts: dict[str, list[Text]] = self.context["texts"]
        if value:
            texts.setdefault(key, []).append((self.depth, value, kind, base))

    def is_atom(self) -> bool:
        """True in the formats that say what type a text has."""
        return self.root in {"feed", "entry"}

    # ------------------------------------------------------------ dates, people, identifiers

    def _start_date(self, key: str, _attrs: Attributes) -> None:
        self.push(key, 1)

    def _end_date(self, key: str) -> None:
        value = self.pop(key)
        slot = DATES[key]
        dates: dict[str, tuple[int, str]] = self.context["dates"]
        if value and (slot not in dates or self.depth < dates[slot][0]):
            dates[slot] = (self.depth, value[:200])

    def _start_somebody(self, key: str, attrs: Attributes) -> None:
        self.person = {"role": attrs.get("role", "")}
        self.push(key, 1)

    def _end_somebody(self, key: str) -> None:
        text = self.pop(key) or ""
        parts, self.person = self.person or {}, None
        people: list[tuple[str, Person]] = self.context["people"]
        if len(people) >= self.limits.people:
            return
        uri, email = parts.get("uri"), (parts.get("email") or "").removeprefix("mailto:") or None
        name = parts.get("name", "")
        person = read_person(name or (text if not (uri or email) else ""), uri)
        if person is None and (email or uri):
            person = Person("", uri, email)
        if person is not None:
            person = Person(person.name, uri or person.uri, email or person.email)
            role = AUTHORS[key]
            if role == "credit" and parts.get("role") == "author":
                role = "creator"
            people.append((role, person))

    def part_of_person(self, element: str, part: str) -> None:
        """A name, address or page inside an element that names somebody."""
        value = self.pop(element)
        if self.person is not None and value and part not in self.person:
            self.person[part] = value

    def _end_identifier(self, key: str) -> None:
        value = self.pop(key)
        if value and len(self.context["identifiers"]) < 20:
            self.context["identifiers"].append((IDENTIFIERS[key], value[:500]))

    # ------------------------------------------------------------ contexts

    def enter(self, slot: str) -> None:
        """What follows belongs to a part (source, image, text input), not to the item or feed around it."""
        part = _item(self.baseuri, self.lang)
        self.context[slot] = part
        self.outer.append(self.context)
        self.context = part

    def leave(self) -> None:
        """Back to what is around the part."""
        if self.outer:
            self.context = self.outer.pop()

    def begin_item(self, attrs: Attributes) -> None:
        """An item or entry opens."""
        self.outer.clear()
        self.elementstack.clear()
        self.inentry = 1
        item = self.context = _item(self.baseuri, self.lang)
        self.items.append(item)
        about = attrs.get("rdf:about") or attrs.get("about") or attrs.get("rdf:resource")
        if about and about.strip():
            item["about"] = about.strip()
        self.channel_attributes(attrs)
        self.push("item", 0)

    def end_item(self) -> None:
        """An item or entry closes."""
        self.elementstack.clear()
        self.outer.clear()
        self.inentry = 0
        self.context = self.channel

    def channel_attributes(self, attrs: Attributes) -> None:
        """CDF says in attributes what others say in elements."""
        if href := attrs.get("href"):
            self.context["links"].append(ParsedLink(href, "alternate", None, self.baseuri))
        if lastmod := attrs.get("lastmod"):
            self.context["dates"].setdefault("modified", (self.depth, lastmod))


def _item(base: str, language: str | None) -> Item:
    return {
        "links": [], "texts": {}, "dates": {}, "people": [], "categories": [], "enclosures": [], "images": [],
        "media": [], "identifiers": [], "extra": {}, "base": base, "language": language,
    }  # fmt: skip


def _nothing(_: Elements) -> None:
    return None
