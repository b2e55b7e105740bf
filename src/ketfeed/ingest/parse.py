"""XML documents become a ParsedFeed: feedparser's machinery, our own reading of what it blurs (``elements.py``).

``` text
characters ─▶ strict: expat ─────────────────────────────────────────┐
      └ ill-formed ─▶ repair (controls, bare & and <) ─▶ strict again ├─▶ Elements ─▶ ParsedFeed
                               └ still ill-formed ─▶ feedparser's loose parser ┘
```

Nothing is fetched by parsing: external entities are refused, an external DTD is never read (its character entities
are HTML's, which we know), and what a document may declare is bounded. This is the only file that imports feedparser.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Callable
from xml.parsers import expat

import feedparser.api

from ketfeed.errors import ForbiddenXml, ParseFailed
from ketfeed.ingest.elements import Element, Elements, Refused, WrittenNames, element
from ketfeed.ingest.handlers import LEAVES
from ketfeed.ingest.harvest import harvest
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parsed import ParsedFeed
from ketfeed.ingest.repair import from_first_tag, not_a_feed, repair
from ketfeed.ingest.strings import mend

NAMESPACES: dict[str, str] = {
    **{uri.lower(): prefix for uri, prefix in feedparser.api.StrictFeedParser.namespaces.items()},
    "http://purl.org/net/rss1.1#": "",
    "http://purl.org/rss/2.0/": "",
    "http://www.w3.org/2005/atom/": "",
    "https://www.w3.org/2005/atom": "",
    "http://purl.org/syndication/thread/1.0": "thr",
    "http://prismstandard.org/namespaces/basic/2.0/": "prism",
    "http://prismstandard.org/namespaces/basic/2.1/": "prism",
    "http://prismstandard.org/namespaces/basic/3.0/": "prism",
    "http://prismstandard.org/namespaces/2.0/basic/": "prism",
    "http://www.google.com/schemas/play-podcasts/1.0": "googleplay",
    "http://purl.org/dc/elements/1.0/": "dc",
    "http://purl.org/dc/elements/1.1": "dc",
    "http://purl.org/rss/1.0/modules/content": "content",
    "https://search.yahoo.com/mrss/": "media",
    "http://www.rssboard.org/media-rss": "media",
    "http://purl.oclc.org/net/rss_2.0/enc#": "enc",
    "http://www.w3.org/1999/xhtml": "xhtml",
}
"""Lower-case namespace → the prefix elements are known by; one not listed keeps the document's own prefix."""

MAX_ENTITIES = 300
"""Entities one document may declare: the HTML 4 set has 252."""

MAX_ENTITY = 100
"""Characters of a declared entity's text: enough for a name, useless for a bomb."""

_EXPANSION = 4
"""Text a document may hold, as a multiple of its own length, once entities are replaced."""


class _Strict(Elements):
    """The elements of a well-formed document, as expat tells of them."""

    known_namespaces = NAMESPACES
    loose = False

    def learn(self, name: str) -> Element:
        known = self.names[name] = element(*_element_name(name))
        return known

    def attributes(self, written: list[str]) -> dict[str, str]:
        cache, values = self.attribute_names, {}
        for at in range(0, len(written), 2):
            name = written[at]
            values[cache.get(name) or cache.setdefault(name, _attribute_name(name))] = written[at + 1]
        return values

    def prepare(self, limits: Limits, base: str, language: str | None) -> None:
        super().prepare(limits, base, language)
        self.attribute_names: dict[str, str] = {}

    def declared(self, prefix: str | None, uri: str) -> None:
        """A namespace is declared; an empty one takes a declaration back."""
        if uri:
            self.track_namespace(prefix, uri)


class _Unbound(WrittenNames):
    """The elements of a document that is well-formed but for prefixes nobody declared."""

    known_namespaces = NAMESPACES
    loose = False

    def opened_flat(self, name: str, flat: list[str]) -> None:
        """Of expat: names and values of the attributes in turn."""
        pairs = [(key.lower(), value) for key, value in zip(flat[::2], flat[1::2], strict=True)]
        self.opened(name.lower(), [(key, value.lower() if key in {"rel", "type"} else value) for key, value in pairs])

    def closed_flat(self, name: str) -> None:
        """The end of such an element."""
        self.closed(name.lower())


class _Loose(WrittenNames, feedparser.api.LooseFeedParser):  # type: ignore[misc]  # feedparser is untyped
    """The elements of a document that cannot be made well-formed, as feedparser's own parser tells of them."""

    known_namespaces = NAMESPACES
    loose = True

    def unknown_starttag(self, tag: str, attrs: list[tuple[str, str]]) -> None:
        self.opened(tag, list(dict(self._normalize_attributes(pair) for pair in attrs).items()))

    def unknown_endtag(self, tag: str) -> None:
        self.closed(tag)

    strattrs = staticmethod(feedparser.api.LooseFeedParser.strattrs)

    def decode_entities(self, element: str, data: str) -> str:
        decoded: str = feedparser.api.LooseFeedParser.decode_entities(self, element, data)
        return decoded


def parse_xml(text: str, base: str, language: str | None, limits: Limits) -> ParsedFeed:
    """What an XML document says.

    ``base`` is the address relative references start from, empty when there is none; ``language`` that of the
    Content-Language header. Raises NotAFeed (another kind of document), ForbiddenXml (hostile), ParseFailed.
    """
    notes: list[str] = []
    text = from_first_tag(text, notes)
    refuse_declarations(text)
    try:
        reader = _read_strictly(text, base, language, limits, notes) or _read_loosely(text, base, language, limits)
    except Refused as refused:
        raise refused.error or not_a_feed(text) from refused
    if reader.root is None:
        raise not_a_feed(text)
    return harvest(reader, tuple(notes))


def _read_strictly(text: str, base: str, language: str | None, limits: Limits, notes: list[str]) -> Elements | None:
    """The document as XML, repaired when need be; None when it cannot be made well-formed."""
    try:
        return _drive(text, base, language, limits, namespaces=True)
    except expat.ExpatError as error:
        problem = error
    repaired = repair(text)
    for candidate, namespaces in ((repaired, True), (repaired, False)):
        try:
            reader = _drive(candidate, base, language, limits, namespaces=namespaces)
        except expat.ExpatError:
            continue
        what = "undeclared prefixes" if candidate == text else "repaired"
        notes.append(f"xml: {what} ({_explain(problem)})")
        return reader
    notes.append(f"xml: not well-formed, read loosely ({_explain(problem)})")
    return None


def _read_loosely(text: str, base: str, language: str | None, limits: Limits) -> Elements:
    reader = _Loose(base, language, "utf-8", {})
    reader.prepare(limits, base, language)
    declaration = re.match(r"\s*<\?xml[^>]{0,500}>", text)
    try:
        reader.feed(text[declaration.end() :] if declaration else text)
    except (ValueError, AssertionError, IndexError, OverflowError, TypeError, KeyError) as error:
        # sgmllib on marked sections, references past U+10FFFF and the like; what was read so far counts
        if not reader.items:
            raise ParseFailed(f"the document cannot be read: {error}") from error
    return reader


def _drive(text: str, base: str, language: str | None, limits: Limits, *, namespaces: bool) -> Elements:
    """Run expat over the document; raises ExpatError when it is not well-formed."""
    reader = _Strict() if namespaces else _Unbound()
    reader.prepare(limits, base, language)
    parser = expat.ParserCreate(None, " ") if namespaces else expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 64 * 1024
    parser.ordered_attributes = True
    parser.UseForeignDTD(True)  # an undeclared entity is skipped and told of, instead of ending the document
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.SkippedEntityHandler = lambda name, _parameter: reader.pending.append(_character(name))
    parser.ExternalEntityRefHandler = lambda *_: 1  # never opened, never fetched
    parser.EntityDeclHandler = _EntityGuard()
    # without a declaration nothing can expand
    parser.CharacterDataHandler = _budgeted(reader.pending, len(text)) if _ENTITY in text else reader.pending.append
    if isinstance(reader, _Strict):
        parser.namespace_prefixes = True
        parser.StartNamespaceDeclHandler = reader.declared
        parser.StartElementHandler, parser.EndElementHandler = _by_leaves(reader)
    else:
        parser.StartElementHandler, parser.EndElementHandler = reader.opened_flat, reader.closed_flat
    parser.Parse(text, True)
    return reader


def _by_leaves(reader: Elements) -> tuple[Callable[[str, list[str]], None], Callable[[str], None]]:
    """What opens and what closes an element, with a short way for one that has its text and nothing else.

    Nothing is done for it before it closes, unless it may have to be refused or stands in a text.
    """
    pending, names = reader.pending, reader.names
    held = ""  # the name of an element that may be a leaf

    def opens(name: str, written: list[str]) -> None:
        nonlocal held
        if held:
            _open(reader, held)
            held = ""
        if (
            written
            or reader.contentparams
            or reader.incontent
            or reader.root is None
            or reader.depth >= reader.deepest
            or not reader.elementstack
        ):
            reader.start(name, written)
            return
        if pending:
            reader.elementstack[-1][2].extend(pending)
            pending.clear()
        held = name

    def closes(name: str) -> None:
        nonlocal held
        if not held:
            reader.end(name)
            return
        held = ""
        known = names.get(name)
        key = known[0] if known is not None else reader.learn(name)[0]
        leaf = LEAVES.get(key)
        if leaf is None:
            _open(reader, name)
            reader.end(name)
            return
        value = pending[0] if len(pending) == 1 else "".join(pending)
        pending.clear()
        if not value.isascii():
            value = mend(value)
        reader.depth += 1
        leaf(reader, key, value.strip())
        reader.depth -= 1

    return opens, closes


def _open(reader: Elements, name: str) -> None:
    """Open an element whose text so far is pending already."""
    text = reader.pending[:]
    reader.pending.clear()
    reader.start(name, [])
    reader.pending.extend(text)


def _budgeted(pending: list[str], size: int) -> Callable[[str], None]:
    """Takes text of a document of ``size`` characters until it is more than its entities may make of it."""
    left = size * _EXPANSION + 1_000_000

    def characters(data: str) -> None:
        nonlocal left
        left -= len(data)
        if left < 0:
            raise Refused(ForbiddenXml("its entities expand to many times the document's size"))
        pending.append(data)

    return characters


_ENTITY = "<!ENTITY"


class _EntityGuard:
    """Refuses what no feed declares; allows short character names such as ``<!ENTITY nbsp "&#160;">``."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(
        self,
        name: str,
        parameter: bool,
        value: str | None,
        _base: str | None,
        _system: str | None,
        _public: str | None,
        _notation: str | None,
    ) -> None:
        self.count += 1
        if value is None:
            raise Refused(ForbiddenXml(f"it declares the external entity {name[:40]}"))
        if parameter or "%" in value or _REFERENCE.search(value):
            raise Refused(ForbiddenXml(f"its entity {name[:40]} is made of other entities"))
        if len(value) > MAX_ENTITY or self.count > MAX_ENTITIES:
            raise Refused(ForbiddenXml(f"it declares more or longer entities than a feed needs ({name[:40]})"))


_REFERENCE = re.compile(r"&(?!#|(?:amp|lt|gt|quot|apos);)")


def refuse_declarations(text: str) -> None:
    """Refuse entity declarations before any parser sees them; the loose parser and the repairs know no guard.

    Raises ForbiddenXml for external entities, parameter entities, entities made of others and very many.
    """
    head = text[: text.find(">", text.rfind(_ENTITY)) + 1] if _ENTITY in text else ""
    if not head:
        return
    guard = _EntityGuard()
    for found in _ENTITY_DECLARATION.finditer(head):
        percent, name, literal = found.group(1), found.group(2), found.group(4)
        external = found.group(3) is not None
        try:
            guard(name, bool(percent), None if external else (literal or ""), None, None, None, None)
        except Refused as refused:
            raise refused.error or ForbiddenXml("entity declarations") from refused


_ENTITY_DECLARATION = re.compile(
    r"<!ENTITY\s{1,20}(%\s{1,20})?([^\s>]{1,100})\s{1,20}(?:(SYSTEM|PUBLIC)\b|[\"']([^\"']{0,1000}))"
)


def _element_name(name: str) -> tuple[str, str]:
    """``uri local prefix`` of expat → the key and the local name, both in lower case."""
    parts = name.split(" ")
    if len(parts) == 1:
        return parts[0].lower(), parts[0].lower()
    local = parts[1].lower()
    prefix = _prefix(parts[0].lower(), parts[2] if len(parts) > 2 else "")
    return (f"{prefix}_{local}" if prefix else local), local


def _prefix(uri: str, written: str) -> str:
    if uri in NAMESPACES:
        return NAMESPACES[uri]
    if "backend.userland.com/rss" in uri:
        return ""
    return written.lower()


def _attribute_name(name: str) -> str:
    """``uri local prefix`` of expat → ``prefix:local`` in lower case."""
    parts = name.split(" ")
    if len(parts) == 1:
        return name.lower()
    prefix = NAMESPACES.get(parts[0].lower(), parts[2] if len(parts) > 2 else "").lower()
    return f"{prefix}:{parts[1].lower()}" if prefix else parts[1].lower()


def _character(entity: str) -> str:
    """The character an HTML entity stands for; an unknown one stays as it was written."""
    return html.entities.html5.get(f"{entity};") or f"&{entity};"


_EXPLANATIONS = {
    expat.errors.codes[expat.errors.XML_ERROR_UNBOUND_PREFIX]: "a prefix without a namespace",
    expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH]: "tags do not match",
    expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]: "something after the end",
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]: "ends in the middle",
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]: "ends in the middle",
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION]: "ends in the middle",
    expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]: "a character that has no place there",
}


def _explain(error: expat.ExpatError) -> str:
    return f"line {error.lineno}: {_EXPLANATIONS.get(error.code, expat.ErrorString(error.code))}"


__all__ = ["NAMESPACES", "parse_xml", "refuse_declarations", "repair"]
