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
import html.entities
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ketfeed.errors import ForbiddenXml
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parsed import ParsedImage, ParsedLink
from ketfeed.ingest.people import read_person
from ketfeed.model import Category, Person

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
        if self.contentparams["type"] != XHTML:
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
        return _STARTS.get(key, _nothing)(self), _ENDS.get(key, _nothing)(self)

    # ------------------------------------------------------------ text

    def push(self, element: str, expecting_text: int) -> None:
        """Begin to collect the text of an element."""
        self.elementstack.append([element, expecting_text, []])

    def pop(self, element: str, strip_whitespace: int = 1) -> str | None:
        """The text of an element that closes; None when it is not the one that was opened last."""
        if not self.elementstack or self.elementstack[-1][0] != element:
            return None
        pieces = self.elementstack.pop()[2]
        value = pieces[0] if len(pieces) == 1 else _joined(pieces)
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
            _unwrap(self.elementstack[-1][2])
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


# ---------------------------------------------------------------- elements with rules of their own


def _start_link(self: Elements, attrs: Attributes) -> None:
    href = attrs.get("href") or attrs.get("url") or attrs.get("uri")
    rel = (attrs.get("rel") or "alternate").strip().lower()
    rel = rel.removeprefix("http://www.iana.org/assignments/relation/")
    self.context["pending_link"] = (rel, attrs.get("type"), attrs.get("length"), attrs.get("title", ""))
    if rel == "replies" and (count := attrs.get("thr:count") or attrs.get("count")):
        self.context["extra"].setdefault("thr_count", (self.depth, count))  # RFC 4685 section 4
    if href is not None and href.strip():
        _add_link(self, href.strip())
    self.push("link", 1)


def _end_link(self: Elements) -> None:
    value = self.pop("link")
    if value and "pending_link" in self.context:
        _add_link(self, value)
    self.context.pop("pending_link", None)


def _add_link(self: Elements, href: str) -> None:
    rel, kind, length, title = self.context.pop("pending_link")
    links: list[ParsedLink] = self.context["enclosures" if rel == "enclosure" else "links"]
    if len(links) < 200:
        links.append(ParsedLink(href, rel, kind, self.baseuri, length, title))


def _start_guid(self: Elements, attrs: Attributes) -> None:
    self.context["guid_rule"] = attrs.get("ispermalink", "").strip().lower()
    self.push("guid", 1)


def _end_guid(self: Elements) -> None:
    value = self.pop("guid")
    if value and "id" not in self.context:
        self.context["id"] = (self.depth, value)
        self.context["id_is_link"] = self.context.get("guid_rule", "") != "false"
        self.context["id_base"] = self.baseuri


def _end_id(self: Elements) -> None:
    value = self.pop("id")
    if value and ("id" not in self.context or self.depth < self.context["id"][0]):
        self.context["id"] = (self.depth, value)


def _start_enclosure(self: Elements, attrs: Attributes) -> None:
    href = (attrs.get("url") or attrs.get("href") or attrs.get("rdf:resource") or "").strip()
    enclosures: list[ParsedLink] = self.context["enclosures"]
    if href and len(enclosures) < 200:
        kind, length = attrs.get("type") or attrs.get("enc:type"), attrs.get("length") or attrs.get("enc:length")
        enclosures.append(ParsedLink(href, "enclosure", kind, self.baseuri, length))
    self.push("enclosure", 0)


def _start_category(self: Elements, attrs: Attributes, scheme: str | None = None) -> None:
    self.context["pending_category"] = (
        attrs.get("term") or attrs.get("text"),
        attrs.get("scheme") or attrs.get("domain") or scheme,
        attrs.get("label"),
    )
    self.push("category", 1)


def _end_category(self: Elements) -> None:
    value = self.pop("category")
    term, scheme, label = self.context.pop("pending_category", (None, None, None))
    term = (term or value or label or "").strip()
    if term and len(self.context["categories"]) < 500:
        self.context["categories"].append(Category(term, scheme, label))


def _end_keywords(self: Elements, element: str, scheme: str | None = None) -> None:
    for word in (self.pop(element) or "")[:5000].split(","):
        if word.strip():
            self.context["categories"].append(Category(word.strip(), scheme))


def _start_media(self: Elements, attrs: Attributes) -> None:
    media: list[dict[str, str]] = self.context["media"]
    if len(media) < 200:
        media.append({**attrs, "base": self.baseuri})
    self.push("media_content", 0)


def _start_thumbnail(self: Elements, attrs: Attributes) -> None:
    self.context["pending_thumbnail"] = attrs.get("url") or attrs.get("href")
    self.push("media_thumbnail", 1)


def _end_thumbnail(self: Elements) -> None:
    value = self.context.pop("pending_thumbnail", None) or self.pop("media_thumbnail")
    if self.elementstack and self.elementstack[-1][0] == "media_thumbnail":
        self.pop("media_thumbnail")
    if value and value.strip() and len(self.context["images"]) < 200:
        self.context["images"].append(ParsedImage(value.strip(), self.baseuri))


def _start_itunes_image(self: Elements, attrs: Attributes) -> None:
    href = attrs.get("href") or attrs.get("url")
    if href:
        self.context["itunes_image"] = ParsedImage(href.strip(), self.baseuri)
    self.push("itunes_image", 1)


def _end_itunes_image(self: Elements) -> None:
    value = self.pop("itunes_image")
    if value and "itunes_image" not in self.context:
        self.context["itunes_image"] = ParsedImage(value, self.baseuri)


def _start_source(self: Elements, attrs: Attributes) -> None:
    self.push("source", 1)
    self.enter("source")
    if url := attrs.get("url"):
        self.context["links"].append(ParsedLink(url, "self", None, self.baseuri))


def _end_source(self: Elements) -> None:
    self.leave()
    self.pop("source")


def _start_image(self: Elements, _attrs: Attributes) -> None:
    self.push("image", 1)
    self.enter("image")


def _end_image(self: Elements) -> None:
    image = self.context
    self.leave()
    text = self.pop("image")
    _, url = image["extra"].get("url") or image["extra"].get("href") or (0, text or "")
    if url and image is not self.context:
        titles = image["texts"].get("title") or [(0, "", "", "")]
        self.context["images"].append(ParsedImage(url, image["base"], titles[0][1]))


def _start_textinput(self: Elements, _attrs: Attributes) -> None:
    self.push("textinput", 0)
    self.enter("textinput")


def _end_textinput(self: Elements) -> None:
    self.leave()
    self.pop("textinput")


def _end_language(self: Elements, element: str) -> None:
    value = self.pop(element)
    if value:
        self.context["language"] = value.replace("_", "-")
        if self.context is self.channel and self.lang is None:
            self.lang = self.context["language"]
            self.langstack = [known or self.lang for known in self.langstack]


def _start_channel(self: Elements, attrs: Attributes) -> None:
    self.infeed = 1
    if self.context is not self.channel:
        self.end_item()
    self.channel_attributes(attrs)
    self.push("channel", 0)


def _end_channel(self: Elements) -> None:
    self.infeed = 0
    if self.elementstack and self.elementstack[-1][0] == "channel":
        self.elementstack.pop()


def _start_feed(self: Elements, _attrs: Attributes) -> None:
    self.infeed = 1
    self.channel["language"], self.channel["base"] = self.lang, self.baseuri
    self.push("feed", 0)


def _start_origlink(self: Elements, _attrs: Attributes) -> None:
    self.push("feedburner_origlink", 1)


def _end_origlink(self: Elements) -> None:
    value = self.pop("feedburner_origlink")
    if value:
        self.context["original_link"] = ParsedLink(value, "alternate", None, self.baseuri)


def _end_comments(self: Elements) -> None:
    value = self.pop("comments")
    if value:
        self.context["comments"] = ParsedLink(value, "replies", None, self.baseuri)


def _start_license(self: Elements, attrs: Attributes) -> None:
    self.push("license", 1)
    if resource := attrs.get("rdf:resource") or attrs.get("href"):
        self.context["extra"].setdefault("license", (self.depth, resource))


def _end_license(self: Elements) -> None:
    self.pop("license")


_Start = Callable[[Elements], Callable[[Attributes], None] | None]
_End = Callable[[Elements], Callable[[], None] | None]


def _bind(function: Callable[..., None], *extra: object) -> Callable[[Elements], Callable[..., None]]:
    return lambda self: lambda *attrs: function(self, *attrs, *extra)


_STARTS: dict[str, _Start] = {
    "rss": _bind(_start_feed), "rdf_rdf": _bind(_start_feed), "rdf": _bind(_start_feed), "feed": _bind(_start_feed),
    "channel": _bind(_start_channel), "item": _bind(Elements.begin_item), "entry": _bind(Elements.begin_item),
    "link": _bind(_start_link), "guid": _bind(_start_guid), "enclosure": _bind(_start_enclosure),
    "enc_enclosure": _bind(_start_enclosure),
    "category": _bind(_start_category), "dc_subject": _bind(_start_category),
    "itunes_category": _bind(_start_category, "http://www.itunes.com/"),
    "media_category": _bind(_start_category, "http://search.yahoo.com/mrss/category_schema"),
    "media_content": _bind(_start_media), "media_thumbnail": _bind(_start_thumbnail),
    "itunes_image": _bind(_start_itunes_image), "googleplay_image": _bind(_start_itunes_image),
    "source": _bind(_start_source), "image": _bind(_start_image),
    "textinput": _bind(_start_textinput), "feedburner_origlink": _bind(_start_origlink),
    "cc_license": _bind(_start_license), "creativecommons_license": _bind(_start_license),
    "media_license": _bind(_start_license),
}  # fmt: skip
_ENDS: dict[str, _End] = {
    "channel": _bind(_end_channel), "item": _bind(Elements.end_item), "entry": _bind(Elements.end_item),
    "link": _bind(_end_link), "guid": _bind(_end_guid), "id": _bind(_end_id),
    "category": _bind(_end_category), "dc_subject": _bind(_end_category),
    "itunes_category": _bind(_end_category), "media_category": _bind(_end_category),
    "keywords": _bind(_end_keywords, "keywords"),
    "itunes_keywords": _bind(_end_keywords, "itunes_keywords", "http://www.itunes.com/"),
    "media_keywords": _bind(_end_keywords, "media_keywords"),
    "prism_keyword": _bind(_end_keywords, "prism_keyword", "http://prismstandard.org/"),
    "media_thumbnail": _bind(_end_thumbnail), "itunes_image": _bind(_end_itunes_image),
    "googleplay_image": _bind(_end_itunes_image),
    "source": _bind(_end_source), "image": _bind(_end_image), "textinput": _bind(_end_textinput),
    "language": _bind(_end_language, "language"), "dc_language": _bind(_end_language, "dc_language"),
    "feedburner_origlink": _bind(_end_origlink), "comments": _bind(_end_comments),
    "cc_license": _bind(_end_license), "creativecommons_license": _bind(_end_license),
    "media_license": _bind(_end_license),
    "name": _bind(Elements.part_of_person, "name", "name"),
    "itunes_name": _bind(Elements.part_of_person, "itunes_name", "name"),
    "email": _bind(Elements.part_of_person, "email", "email"),
    "itunes_email": _bind(Elements.part_of_person, "itunes_email", "email"),
    "uri": _bind(Elements.part_of_person, "uri", "uri"), "homepage": _bind(Elements.part_of_person, "homepage", "uri"),
    "hour": lambda self: lambda: self.hours.append(self.pop("hour") or ""),
    "day": lambda self: lambda: self.days.append(self.pop("day") or ""),
}  # fmt: skip


# ---------------------------------------------------------------- strings


def _joined(pieces: list[str | bytes]) -> str:
    """The loose parser appends bytes for entities it resolved itself."""
    return "".join(piece.decode("utf-8", "replace") if isinstance(piece, bytes) else piece for piece in pieces)


def _unwrap(pieces: list[str]) -> None:
    """XHTML content stands in one div that is not part of it (RFC 4287 section 3.1.1.3)."""
    while len(pieces) > 1 and not pieces[-1].strip():
        del pieces[-1]
    while len(pieces) > 1 and not pieces[0].strip():
        del pieces[0]
    if len(pieces) < 2 or pieces[-1] != "</div>" or not (pieces[0] == "<div>" or pieces[0].startswith("<div ")):
        return
    depth = 0
    for piece in pieces[:-1]:
        if piece.startswith("</"):
            depth -= 1
            if depth == 0:
                return
        elif piece.startswith("<") and not piece.endswith("/>"):
            depth += 1
    del pieces[0], pieces[-1]


_CP1252 = {
    code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_SUSPECT = re.compile("[\u0080-\u009f\u00c2-\u00f4]")


def mend(text: str) -> str:
    """Undo the two commonest charset mistakes inside a document that is otherwise read right.

    UTF-8 that somebody took for Latin-1 and encoded again ("FranÃ§ais" → "Français", only when the whole string is
    such), and Windows-1252 characters written as C1 controls ("&#146;" → "’").
    """
    if text.isascii() or not _SUSPECT.search(text):
        return text
    with suppress(UnicodeEncodeError, UnicodeDecodeError):
        text = text.encode("iso-8859-1").decode("utf-8")
    return text.translate(_CP1252)


_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]{0,15})(?=[\s/>])[^<>]{0,2000}>")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|([A-Za-z][A-Za-z0-9]{1,31}));")
HTML_TAGS = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "address",
        "area",
        "article",
        "aside",
        "audio",
        "b",
        "bdo",
        "big",
        "blink",
        "blockquote",
        "body",
        "br",
        "button",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "dfn",
        "dir",
        "div",
        "dl",
        "dt",
        "em",
        "embed",
        "fieldset",
        "figcaption",
        "figure",
        "font",
        "footer",
        "form",
        "frame",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hr",
        "html",
        "i",
        "iframe",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "legend",
        "li",
        "link",
        "main",
        "map",
        "mark",
        "menu",
        "meta",
        "nav",
        "nobr",
        "noscript",
        "object",
        "ol",
        "option",
        "p",
        "param",
        "picture",
        "pre",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "script",
        "section",
        "select",
        "small",
        "source",
        "span",
        "strike",
        "strong",
        "style",
        "sub",
        "summary",
        "sup",
        "svg",
        "table",
        "tbody",
        "td",
        "textarea",
        "tfoot",
        "th",
        "thead",
        "time",
        "title",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "video",
        "wbr",
    ]
)


def looks_like_html(text: str) -> bool:
    """True when a text that does not say what it is, is HTML: real tags only, or real character references.

    "1 < 2" and "the <ptr> type" are not; "a <b>bold</b> one", "R&amp;D" and "caf&eacute;" are.
    """
    if "<" not in text and "&" not in text:
        return False
    sample = text[:20_000]
    tags = [found.group(1).lower() for found in _TAG.finditer(sample)]
    if tags:
        closed = "</" in sample or any(tag in {"br", "img", "hr", "p", "wbr"} for tag in tags)
        return closed and all(tag in HTML_TAGS for tag in tags)
    return any(not found.group(1) or f"{found.group(1)};" in html.entities.html5 for found in _ENTITY.finditer(sample))
