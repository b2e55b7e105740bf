"""What the elements of feeds mean: start and end of each become slots of plain dictionaries.

``Elements`` is the state between a parser's events (``parse.py`` drives it with expat, or with feedparser's loose
parser); ``handlers.py`` says what opening and closing each element does. It keeps what an aggregator needs and
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
from xml.sax.saxutils import escape

from ketfeed.errors import ForbiddenXml
from ketfeed.ingest.handlers import ENDS, STARTS, end_text
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parsed import ParsedLink
from ketfeed.ingest.strings import joined, mend
from ketfeed.ingest.urls import join
from ketfeed.ingest.vocabulary import EXTRAS, ITEM_ELEMENTS, ROOTS, TEXTS, XHTML

Attributes = dict[str, str]
Item = dict[str, Any]
Text = tuple[int, str, str, str]  # depth, value, media type, base
Element = tuple[
    str, str, Callable[["Elements", str, Attributes], None] | None, Callable[["Elements", str], None] | None
]
"""Key (``prefix_name``), local name, both in lower case; what opening and what closing does."""


def element(key: str, local: str) -> Element:
    """An element by its names; one without rules of its own has no handlers."""
    return key, local, STARTS.get(key), ENDS.get(key)


_QUOTE = {'"': "&quot;"}


class Refused(Exception):  # a signal, not an error of its own
    """Carries the verdict on a document out of the parser's callbacks."""

    def __init__(self, error: ForbiddenXml | None) -> None:
        self.error = error  # None: the root element is none of a feed
        super().__init__(str(error))


class Elements:
    """A document being read; see the module's docstring for what is left when it has been read."""

    known_namespaces: Mapping[str, str]  # lower-case URI → prefix; parse.py gives the table
    loose: bool

    # feedparser's loose parser shares these, so they have its names
    depth: int
    lang: str | None
    baseuri: str
    elementstack: list[tuple[str, int, list[Any]]]  # key, 1, pieces of text
    contentparams: dict[str, Any]
    namespacemap: dict[str | None, str]

    def prepare(self, limits: Limits, base: str, language: str | None) -> None:
        """Start a document; ``base`` is its address or empty, ``language`` what is known of it beforehand."""
        self.limits = limits
        self.deepest = limits.depth
        self.depth = 0
        self.strays = 0  # ends without a start, outside of everything
        self.baseuri = base
        self.lang = language
        self.scopes: list[tuple[int, str, str | None]] = []  # depth of an xml:base or xml:lang; what holds outside
        self.elementstack = []
        self.incontent = 0  # depth of texts in texts
        self.svg = 0
        self.contentparams = {}  # type, base, base64 of the text being read
        self.channel: Item = _item(base, None)
        self.items: list[Item] = []
        self.context: Item = self.channel
        self.outer: list[Item] = []  # contexts around a source, image or text input
        self.person: dict[str, str] | None = None
        self.root: str | None = None
        self.root_version = ""
        self.hours: list[str] = []
        self.days: list[str] = []
        self.pending: list[str] = []  # text since the last tag: expat appends to it without a call of ours
        self.names: dict[str, Element] = {}  # as the parser calls them
        self.namespacemap = {}
        self.namespaces_in_use: dict[str, str] = {}

    # ------------------------------------------------------------ names

    def learn(self, name: str) -> Element:
        """The element that a parser's name stands for, from now on in ``names``."""
        raise NotImplementedError

    def attributes(self, written: list[Any]) -> Attributes:
        """Attributes by their names, from what a parser tells of them."""
        raise NotImplementedError

    def track_namespace(self, prefix: str | None, uri: str) -> None:
        """A namespace is declared; of several that mean the same the last counts (it tells versions apart)."""
        lower = uri.lower()
        if "backend.userland.com/rss" in lower:
            uri = lower = "http://backend.userland.com/rss"
        known = self.known_namespaces.get(lower)
        if known is not None:
            self.namespacemap[prefix] = known
        self.namespaces_in_use[prefix or "" if known is None else known] = uri

    # ------------------------------------------------------------ opening and closing

    def start(self, name: str, written: list[Any]) -> None:
        """An element opens."""
        known = self.names.get(name)
        key, local, handler, _ = known if known is not None else self.learn(name)
        attrs = self.attributes(written) if written else {}
        if self.pending:
            if self.contentparams or not self.elementstack:
                self._settle()
            else:
                self.elementstack[-1][2].extend(self.pending)
                self.pending.clear()
        self.depth += 1
        if self.depth > self.deepest:
            raise Refused(ForbiddenXml(f"elements are nested more than {self.limits.depth} deep"))
        if self.root is None:
            self.root = key
            self.root_version = attrs.get("version", "").strip()
            if key not in ROOTS:
                raise Refused(None)
        if attrs:
            self._scope(attrs)
        if self.incontent and self._is_markup(key, local, attrs):
            return
        if handler is None:
            self.elementstack.append((key, 1, []))
        else:
            handler(self, key, attrs)

    def end(self, name: str) -> None:
        """An element closes."""
        known = self.names.get(name)
        key, local, _, handler = known if known is not None else self.learn(name)
        if self.pending:
            if self.contentparams or not self.elementstack:
                self._settle()
            else:
                self.elementstack[-1][2].extend(self.pending)
                self.pending.clear()
        if self.svg and local == "svg":
            self.svg -= 1
        if handler is not None and not self.svg:
            handler(self, key)
        elif key in EXTRAS:
            self.pop(key)
        elif self.elementstack and self.elementstack[-1][0] == key:
            self.elementstack.pop()
        if self.incontent:
            kind = self.contentparams.get("type", "xml")
            if not kind.endswith("xml") and local != "div":
                self.contentparams["type"] = kind = XHTML
            if kind == XHTML:
                self.write(f"</{local}>")
        if self.scopes and self.scopes[-1][0] == self.depth:
            _, self.baseuri, self.lang = self.scopes.pop()
        self.depth -= 1

    def _scope(self, attrs: Attributes) -> None:
        """xml:base and xml:lang hold for an element and what is in it."""
        if len(attrs) > self.limits.attributes:
            raise Refused(ForbiddenXml(f"an element has more than {self.limits.attributes} attributes"))
        base, lang = attrs.get("xml:base"), attrs.get("xml:lang")
        if not base and lang is None:
            return
        if self.depth + self.strays > 1:  # what the root says holds to the end
            self.scopes.append((self.depth, self.baseuri, self.lang))
        if base:
            self.baseuri = join(self.baseuri, base)
        if lang is not None:
            self.lang = lang.replace("_", "-") or None  # xml:lang="" says: unknown

    def speaks(self, language: str) -> None:
        """The channel says its language: it is that of all for which nothing else is said."""
        if self.lang is None:
            self.lang = language
            self.scopes = [(depth, base, known or language) for depth, base, known in self.scopes]

    # ------------------------------------------------------------ markup in texts

    def _is_markup(self, key: str, local: str, attrs: Attributes) -> bool:
        if self.loose and (key in {"item", "entry"} or (self.root in {"rss", "rdf_rdf"} and key in ITEM_ELEMENTS)):
            self._abandon_content()
            return False
        return self._inline(key, local, attrs)

    def _abandon_content(self) -> None:
        """A title or description was never closed: what it has so far is its text."""
        while self.incontent and self.elementstack:
            name = self.elementstack[-1][0]
            if name in TEXTS:
                end_text(self, name)
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
            self.svg += 1
        written = self.strattrs([(name, value) for name, value in attrs.items() if not name.startswith("xml")])
        self.write(f"<{local}{written}>")
        return True

    @staticmethod
    def strattrs(attrs: list[tuple[str, str]]) -> str:
        """Attributes as a tag has them, each with a space before it."""
        return "".join(f' {name}="{escape(value, _QUOTE)}"' for name, value in attrs)

    # ------------------------------------------------------------ text

    def push(self, key: str) -> None:
        """Begin to collect the text of an element."""
        self.elementstack.append((key, 1, []))

    def _settle(self) -> None:
        """The text so far belongs to the element that is open."""
        if self.elementstack:
            pieces = self.elementstack[-1][2]
            if self.contentparams and self.contentparams["type"] == XHTML:
                pieces += map(escape, self.pending)
            else:
                pieces += self.pending
        self.pending.clear()

    def write(self, markup: str) -> None:
        """Add to the text of the innermost element, as it is."""
        if self.elementstack:
            self.elementstack[-1][2].append(markup)

    def pop(self, key: str) -> str | None:
        """The text of an element that closes; None when it is not the one that was opened last."""
        if not self.elementstack or self.elementstack[-1][0] != key:
            return None
        pieces = self.elementstack.pop()[2]
        value = pieces[0] if len(pieces) == 1 and not self.loose else joined(pieces)
        if self.contentparams and "base64" in self.contentparams:
            try:
                value = base64.b64decode(value.encode("ascii", "ignore")).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                value = ""  # a picture or a program, not text
        elif self.loose:
            value = self.decode_entities(key, value)
        if not value.isascii():
            value = mend(value)  # before white space goes: half a character may look like a space
        value = value.strip()
        if key in EXTRAS and value:
            depth, kept = self.context["extra"].get(key, (1 << 30, ""))
            if self.depth < depth or not kept:
                self.context["extra"][key] = (self.depth, value)
        return value

    def decode_entities(self, element: str, data: str) -> str:
        """What the loose parser left of character references."""
        raise NotImplementedError

    def is_atom(self) -> bool:
        """True in the formats that say what type a text has."""
        return self.root in {"feed", "entry"}

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
        item = self.context = _item(self.baseuri, self.lang)
        self.items.append(item)
        if attrs:
            about = attrs.get("rdf:about") or attrs.get("about") or attrs.get("rdf:resource")
            if about and about.strip():
                item["about"] = about.strip()
            self.channel_attributes(attrs)
        self.push("item")

    def end_item(self) -> None:
        """An item or entry closes."""
        self.elementstack.clear()
        self.outer.clear()
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


class WrittenNames(Elements):
    """A document whose prefixes are told as written: by the loose parser, or by expat where some are undeclared."""

    def learn(self, name: str) -> Element:
        prefix, _, local = name.rpartition(":")
        prefix = self.namespacemap.get(prefix, prefix).lower()
        known = self.names[name] = element(f"{prefix}_{local}" if prefix else local, local)
        return known

    def attributes(self, written: list[Any]) -> Attributes:
        return dict(written)

    def opened(self, tag: str, pairs: list[tuple[str, str]]) -> None:
        """An element opens; ``tag`` and the names of its attributes in lower case."""
        for name, uri in pairs:
            if name == "xmlns" or name.startswith("xmlns:"):
                self.track_namespace(name[6:] or None, uri)
                self.names.clear()
        self.start(tag, pairs)

    def closed(self, tag: str) -> None:
        """An element closes; where nothing is open, one that nobody opened."""
        if self.depth + self.strays == 0:
            self.strays += 1
        self.end(tag)
