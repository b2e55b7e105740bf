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
from xml.parsers import expat

import feedparser.api

from ketfeed.errors import ForbiddenXml, NotAFeed, ParseFailed
from ketfeed.ingest.elements import ROOTS, Elements, Item, Refused
from ketfeed.ingest.harvest import harvest
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parsed import ParsedFeed
from ketfeed.ingest.urls import join

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


class _Strict(Elements, feedparser.api.StrictFeedParser):  # type: ignore[misc]  # feedparser is untyped
    namespaces = NAMESPACES
    _matchnamespaces = NAMESPACES
    join = staticmethod(join)


class _Loose(Elements, feedparser.api.LooseFeedParser):  # type: ignore[misc]  # feedparser is untyped
    namespaces = NAMESPACES
    _matchnamespaces = NAMESPACES
    join = staticmethod(join)


def parse_xml(text: str, base: str, language: str | None, limits: Limits) -> ParsedFeed:
    """What an XML document says.

    ``base`` is the address relative references start from, empty when there is none; ``language`` that of the
    Content-Language header. Raises NotAFeed (another kind of document), ForbiddenXml (hostile), ParseFailed.
    """
    notes: list[str] = []
    text = _from_first_tag(text, notes)
    refuse_declarations(text)
    try:
        reader = _read_strictly(text, base, language, limits, notes) or _read_loosely(text, base, language, limits)
    except Refused as refused:
        raise refused.error or _not_a_feed(text) from refused
    if reader.root is None:
        raise _not_a_feed(text)
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
    reader.prepare(limits, base, loose=True)
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
    reader = _Strict(base, language, "utf-8")
    reader.prepare(limits, base, loose=False)
    parser = expat.ParserCreate(None, " ") if namespaces else expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 64 * 1024
    parser.ordered_attributes = True
    parser.UseForeignDTD(True)  # an undeclared entity is skipped and told of, instead of ending the document
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.SkippedEntityHandler = lambda name, _parameter: reader.handle_data(_character(name))
    parser.ExternalEntityRefHandler = lambda *_: 1  # never opened, never fetched
    parser.EntityDeclHandler = _EntityGuard()
    budget = [len(text) * _EXPANSION + 1_000_000]

    def characters(data: str) -> None:
        budget[0] -= len(data)
        if budget[0] < 0:
            raise Refused(ForbiddenXml("its entities expand to many times the document's size"))
        reader.handle_data(data)

    parser.CharacterDataHandler = characters
    if namespaces:
        parser.namespace_prefixes = True
        parser.StartNamespaceDeclHandler = lambda prefix, uri: reader.startPrefixMapping(prefix, uri)
        names: dict[str, tuple[str, str]] = {}
        attributes: dict[str, str] = {}

        def opened(name: str, flat: list[str]) -> None:
            known = names.get(name) or names.setdefault(name, _element_name(name))
            if flat:
                reader.start(*known, _attributes(flat, attributes))
            else:
                reader.start(*known, {})

        parser.StartElementHandler = opened
        parser.EndElementHandler = lambda name: reader.end(*names[name])
    else:
        parser.StartElementHandler = lambda name, flat: reader.unknown_starttag(
            name.lower(), list(zip(flat[::2], flat[1::2], strict=True))
        )
        parser.EndElementHandler = lambda name: reader.unknown_endtag(name.lower())
    parser.Parse(text, True)
    return reader


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
    head = text[: text.find(">", text.rfind("<!ENTITY")) + 1] if "<!ENTITY" in text else ""
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


def _attributes(flat: list[str], cache: dict[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for index in range(0, len(flat), 2):
        name = flat[index]
        known = cache.get(name)
        if known is None:
            parts = name.split(" ")
            if len(parts) == 1:
                known = name.lower()
            else:
                prefix = NAMESPACES.get(parts[0].lower(), parts[2] if len(parts) > 2 else "").lower()
                known = f"{prefix}:{parts[1].lower()}" if prefix else parts[1].lower()
            cache[name] = known
        values[known] = flat[index + 1]
    return values


def _character(entity: str) -> str:
    """The character an HTML entity stands for; an unknown one stays as it was written."""
    return html.entities.html5.get(f"{entity};") or f"&{entity};"


# ---------------------------------------------------------------- repairs

_ROOT = re.compile(
    r"<\?xml\b|<!DOCTYPE\s|<!--|<(?:[A-Za-z][\w.\-]{0,20}:)?(?:rss|feed|rdf|channel|entry)[\s>]", re.IGNORECASE
)
_FIRST_ELEMENT = re.compile(r"<(?![!?])([^\s<>/]{1,100})")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ILLEGAL_REFERENCE = re.compile(
    r"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|d[89a-f]..|fff[ef])|0*(?:[0-8]|1[124-9]|2\d|3[01]));", re.IGNORECASE
)
_BARE = re.compile(r"&(?!#\d{1,7};|#x[0-9A-Fa-f]{1,6};|[A-Za-z_][\w.\-]{0,40};)|<(?![A-Za-z_/!?])")
_EXPLANATIONS = {
    expat.errors.codes[expat.errors.XML_ERROR_UNBOUND_PREFIX]: "a prefix without a namespace",
    expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH]: "tags do not match",
    expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]: "something after the end",
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]: "ends in the middle",
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]: "ends in the middle",
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION]: "ends in the middle",
    expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]: "a character that has no place there",
}


def repair(text: str) -> str:
    """Mend what can be mended without guessing: illegal characters, bare ``&`` and ``<``, junk after the end.

    CDATA sections and comments are left as they are.
    """
    text = _ILLEGAL_REFERENCE.sub("", _ILLEGAL.sub("", text))
    pieces: list[str] = []
    at = 0
    while True:
        start = text.find("<![CDATA[", at)
        comment = text.find("<!--", at)
        if comment != -1 and (start == -1 or comment < start):
            end = text.find("-->", comment)
            start, end = comment, (end + 3 if end != -1 else -1)
        elif start != -1:
            end = text.find("]]>", start)
            end = end + 3 if end != -1 else -1
        else:
            end = -1
        if start == -1 or end == -1:
            pieces.append(_BARE.sub(_escape, text[at:]))
            break
        pieces += (_BARE.sub(_escape, text[at:start]), text[start:end])
        at = end
    return _without_tail("".join(pieces))


def _escape(found: re.Match[str]) -> str:
    return "&amp;" if found.group(0) == "&" else "&lt;"


def _without_tail(text: str) -> str:
    """Cut what stands after the root element's end: a server's footer, a second document."""
    root = _FIRST_ELEMENT.search(text)
    if root is None:
        return text
    closing = f"</{root.group(1)}"
    at = text.rfind(closing)
    end = text.find(">", at) if at != -1 else -1
    return text[: end + 1] if end != -1 else text


def _from_first_tag(text: str, notes: list[str]) -> str:
    """Without what a broken server wrote before the document: blank lines, warnings of its program."""
    stripped = text.lstrip(" \t\r\n\ufeff\x00\u200b")
    if stripped.startswith("<"):
        head = stripped
        if stripped[:5].lower() == "<?xml" and stripped.startswith(("<?xml?xml", "<?XML")):
            head = re.sub(r"^<\?(?:xml\?)?xml", "<?xml", stripped, flags=re.IGNORECASE)
        if re.match(r"<(?:br|b|p|div|script|html)[\s/>]", head[:20], re.IGNORECASE) and not _is_html(head):
            found = re.search(r"<\?xml\b|<rss[\s>]|<feed[\s>]|<rdf:RDF[\s>]", head[:20_000])
            if found:
                notes.append("xml: something before the document, left out")
                return head[found.start() :]
        return head
    found = _ROOT.search(stripped[:20_000])
    if found is None:
        raise _not_a_feed(text)
    notes.append("xml: something before the document, left out")
    return stripped[found.start() :]


def _is_html(text: str) -> bool:
    return re.match(r"<html[\s>]|<!doctype\s+html", text[:200], re.IGNORECASE) is not None


def _not_a_feed(text: str) -> NotAFeed:
    """What the document is instead, as far as its first element tells."""
    body = re.sub(r"<!--.{0,5000}?-->|<\?.{0,500}?\?>", "", text[:20_000], flags=re.DOTALL)
    found = _FIRST_ELEMENT.search(body)
    name = found.group(1).lower() if found else ""
    if name == "opml":
        return NotAFeed("this is an OPML list of feeds, not a feed")
    if name in {"html", "head", "body", "div", "br", "p"} or _is_html(body.lstrip()):
        return NotAFeed("this is an HTML page, not a feed (ketfeed discover finds the feeds of a page)")
    if name in {"urlset", "sitemapindex"}:
        return NotAFeed("this is a sitemap: write sitemap: instead of feed: in feeds.yaml")
    if name:
        return NotAFeed(f"the document's root element {name[:40]!r} is none of a feed")
    return NotAFeed("this is not a feed in any format ketfeed reads")


def _explain(error: expat.ExpatError) -> str:
    return f"line {error.lineno}: {_EXPLANATIONS.get(error.code, expat.ErrorString(error.code))}"


__all__ = ["NAMESPACES", "ROOTS", "Item", "parse_xml", "refuse_declarations", "repair"]
