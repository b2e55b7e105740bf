"""What outside judges say of a feed: the grammar of RFC 4287, an HTML5 parser, and the rules of the W3C feed validator
that concern what we write. ``complaints_about`` returns one line per fault, empty for a valid document."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from html.entities import name2codepoint
from pathlib import Path
from urllib.parse import urlsplit

import html5lib
from lxml import etree


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
DC = "{http://purl.org/dc/elements/1.1/}"
MEDIA = "{http://search.yahoo.com/mrss/}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
XML = "{http://www.w3.org/XML/1998/namespace}"

URI = re.compile(r"([a-zA-Z][0-9a-zA-Z+\-.]*:)?/{0,2}[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,#]*")
UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MEDIA_TYPE = re.compile(r"[^\s()<>,;:\\\"/\[\]?=]+/[^\s()<>,;:\\\"/\[\]?=]+")
LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
RFC822 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
                    r"\d\d:\d\d:\d\d \+0000")  # fmt: skip
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
RELATIONS = {
    "alternate", "self", "hub", "related", "enclosure", "replies", "via",
    "current", "prev-archive", "next-archive",
}  # fmt: skip
BAD_CHARACTER = re.compile("[\x80-\x9f\ufffd]")
TAGS = words(
    """
    a abbr acronym address b big blockquote br caption center cite code col colgroup dd del dfn div dl dt em font
    h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p pre q s samp small span strike strong sub sup table tbody td tfoot th
    thead tr tt u ul var
    """
)
ATTRIBUTES = words(
    """
    abbr align alt cite class colspan datetime dir height href hreflang id lang rel rowspan src start title type width
    """
)
ITEM_CHILDREN = {
    "title", "link", "description", CONTENT, "guid", "category", "comments", "pubDate", "source", "enclosure",
    f"{DC}creator", f"{DC}language", f"{DC}rights", f"{ATOM}updated", f"{ATOM}link", f"{MEDIA}thumbnail",
}  # fmt: skip
CHANNEL_CHILDREN = {
    "title", "link", "description", "docs", "generator", "image", "language", "lastBuildDate", "ttl", "item",
    f"{ATOM}link", f"{HISTORY}archive",
}  # fmt: skip


@cache
def atom_grammar() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(str(Path(__file__).parent / "judges" / "atom.rng")))


def complaints_about(body: bytes, form: str) -> list[str]:
    """Faults of an RSS, Atom or JSON Feed document."""
    if form == "json":
        return _json(body)
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    found = [f"bad character {text!r}" for text in BAD_CHARACTER.findall(body.decode())]
    found += _misplaced_metadata(root, form)
    return found + (_atom(root) if form == "atom" else _rss(root))


# ---------------------------------------------------------------- Atom


def _atom(root: etree._Element) -> list[str]:
    grammar = atom_grammar()
    found = [] if grammar.validate(root) else [str(error) for error in grammar.error_log][:5]
    ids = [root.findtext(f"{ATOM}id") or "", *(one.findtext(f"{ATOM}id") or "" for one in root.findall(f"{ATOM}entry"))]
    found += _unique(ids) + _self(root, f"{ATOM}link")
    for entry in root.findall(f"{ATOM}entry"):
        links = [link.get("rel", "alternate") for link in entry.findall(f"{ATOM}link")]
        if links.count("alternate") != 1:
            found.append(f"{links.count('alternate')} alternate links")
        if not entry.findall(f"{ATOM}author"):
            found.append("entry without author")
        source = entry.find(f"{ATOM}source")
        if source is None or {child.tag for child in source} < {f"{ATOM}{n}" for n in ("id", "title", "updated")}:
            found.append("incomplete atom:source")
    for element in root.iter(etree.Element):
        if language := element.get(f"{XML}lang"):
            found += [] if LANGUAGE.fullmatch(language) else [f"language {language!r}"]
        found += _atom_element(element, str(element.tag).removeprefix(ATOM), element.text or "")
    return found + _thumbnails(root)


def _atom_element(element: etree._Element, name: str, text: str) -> list[str]:
    if name in ("title", "summary", "subtitle", "rights", "content"):
        return _text_construct(name, element.get("type", "text"), text)
    if name in ("id", "uri", "icon"):
        return _uri(text)
    if name == "name":
        return [] if text.strip() else ["empty name"]
    if name in ("updated", "published"):
        return _date(text, RFC3339)
    if name == "link":
        return _link(element)
    if name == "category":
        found = [] if (element.get("term") or "").strip() else ["category without term"]
        return found + (_uri(element.get("scheme")) if element.get("scheme") is not None else [])
    return []


def _text_construct(name: str, kind: str, text: str) -> list[str]:
    if not text.strip():
        return [f"empty {name}"]
    if kind == "html":
        return complaints_about_html(text)
    return [f"{name} has undeclared HTML: {text[:60]!r}"] if _hints_at_html(text) else []


def _hints_at_html(text: str) -> bool:
    tags = [tag for tag in re.findall(r"</(\w+)>", text) if tag.lower() in TAGS | {"html", "body", "title", "form"}]
    names = re.findall(r"&(#?\w+)", text)
    return bool(tags) or any(name in name2codepoint or name == "apos" or not name.isalpha() for name in names)


# ---------------------------------------------------------------- RSS


def _rss(root: etree._Element) -> list[str]:
    channel = root[0]
    found = [f"channel child {child.tag}" for child in channel if child.tag not in CHANNEL_CHILDREN]
    found += _self(channel, f"{ATOM}link")
    for name in ("title", "link", "description", "lastBuildDate"):
        found += [] if (channel.findtext(name) or "").strip() else [f"channel without {name}"]
    found += _date(channel.findtext("lastBuildDate") or "", RFC822)
    found += _uri(channel.findtext("link") or "")
    if (image := channel.find("image")) is not None:
        found += [] if image.findtext("title") == channel.findtext("title") else ["image title differs"]
        found += [] if image.findtext("link") == channel.findtext("link") else ["image link differs"]
        found += [] if re.search(r"\.(png|gif|jpe?g)$", image.findtext("url") or "") else ["image format"]
    for element in root.iter(f"{ATOM}link"):
        found += _link(element)
    found += _unique([one.text or "" for one in root.iter("guid")])
    for item in channel.findall("item"):
        found += _rss_item(item)
    return found + _thumbnails(root)


def _rss_item(item: etree._Element) -> list[str]:
    found = [f"item child {child.tag}" for child in item if child.tag not in ITEM_CHILDREN]
    several = {"category", f"{DC}creator", f"{ATOM}link"}
    counts = Counter(child.tag for child in item)
    found += [f"{count} of {tag}" for tag, count in counts.items() if count > 1 and tag not in several]
    found += [
        f"empty {child.tag}"
        for child in item
        if not (child.text or "").strip() and child.tag not in ("enclosure", f"{ATOM}link", f"{MEDIA}thumbnail")
    ]
    for name in ("title", "link", "description", "guid", "pubDate", "source"):
        found += [] if counts[name] == 1 else [f"{counts[name]} of {name}"]
    found += _uri(item.findtext("link") or "") + _date(item.findtext("pubDate") or "", RFC822)
    found += _date(item.findtext(f"{ATOM}updated") or "", RFC3339)
    found += complaints_about_html(item.findtext("description") or "") + complaints_about_html(
        item.findtext(CONTENT) or ""
    )
    guid = item.find("guid")
    if guid is None or guid.get("isPermaLink") != "false" or not UUID.fullmatch(guid.text or ""):
        found.append("guid")
    if (source := item.find("source")) is not None:
        found += _uri(source.get("url"))
    if (comments := item.findtext("comments")) is not None:
        found += _uri(comments)
    if (language := item.findtext(f"{DC}language")) is not None and not LANGUAGE.fullmatch(language):
        found.append(f"language {language!r}")
    if (enclosure := item.find("enclosure")) is not None:
        found += _uri(enclosure.get("url")) + _media_type(enclosure.get("type"))
        found += [] if (enclosure.get("length") or "").isdigit() else ["enclosure length"]
    return found


# ---------------------------------------------------------------- JSON Feed


def _json(body: bytes) -> list[str]:
    feed = json.loads(body)
    found = [] if feed["version"] == "https://jsonfeed.org/version/1.1" else ["version"]
    found += [f"feed without {name}" for name in ("title", "home_page_url", "feed_url") if not feed.get(name)]
    found += _unique([item["id"] for item in feed["items"]])
    for item in feed["items"]:
        found += _uri(item["url"]) + complaints_about_html(item["content_html"])
        found += _date(item["date_published"], RFC3339) + _date(item["date_modified"], RFC3339)
        found += [] if item["authors"] and all(one.get("name") for one in item["authors"]) else ["authors"]
        found += [] if all(isinstance(tag, str) and tag for tag in item.get("tags", [])) else ["tags"]
        for attachment in item.get("attachments", []):
            found += _uri(attachment["url"]) + _media_type(attachment["mime_type"])
            found += [] if attachment.get("size_in_bytes", 1) > 0 else ["a size of 0 is no size"]
        found += _uri(item["image"]) if "image" in item else []
    return found


# ---------------------------------------------------------------- shared


def _self(parent: etree._Element, tag: str) -> list[str]:
    count = sum(link.get("rel") == "self" for link in parent.findall(tag))
    return [] if count == 1 else [f"{count} self links"]


def _misplaced_metadata(root: etree._Element, form: str) -> list[str]:
    names = [child.tag for child in (root if form == "atom" else root[0])]
    item = f"{ATOM}entry" if form == "atom" else "item"
    last = [name == item for name in names]
    return [] if sorted(last) == last else ["metadata after entries"]


def _unique(ids: list[str]) -> list[str]:
    return [f"id {one} {count} times" for one, count in Counter(ids).items() if count > 1]


def _uri(text: str | None) -> list[str]:
    if not text or not URI.fullmatch(text):
        return [f"address {text!r}"]
    if text.startswith("urn:"):
        return [] if UUID.fullmatch(text) else [f"urn {text!r}"]
    parts = urlsplit(text)
    good = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"%(?![0-9A-Fa-f]{2})", text)
    return [] if good else [f"address {text!r}"]


def _media_type(text: str | None) -> list[str]:
    return [] if text and MEDIA_TYPE.fullmatch(text) else [f"media type {text!r}"]


def _date(text: str, form: re.Pattern[str]) -> list[str]:
    if not form.fullmatch(text):
        return [f"date {text!r}"]
    moment = parsedate_to_datetime(text) if form is RFC822 else datetime.fromisoformat(text)
    return [] if moment.year >= 1990 else [f"implausible date {text!r}"]


def _link(link: etree._Element) -> list[str]:
    found = _uri(link.get("href"))
    relation = link.get("rel", "alternate")
    if relation not in RELATIONS:
        found += _uri(relation)
    if link.get("type") is not None:
        found += _media_type(link.get("type"))
        if relation == "self" and link.get("type") not in ("application/atom+xml", "application/rss+xml"):
            found.append("self is no feed")
    if link.get("title") is not None and not (link.get("title") or "").strip():
        found.append("empty title of a link")
    if link.get("length") is not None and not (link.get("length") or "").isdigit():
        found.append("length of a link")
    if (link.text or "").strip() or len(link):
        found.append("link with content")
    known = {"href", "rel", "type", "title", "length", "hreflang"}
    return found + [f"attribute {name!r} of a link" for name in link.attrib if name not in known]


def _thumbnails(root: etree._Element) -> list[str]:
    return [fault for one in root.iter(f"{MEDIA}thumbnail") for fault in _uri(one.get("url"))]


def complaints_about_html(markup: str) -> list[str]:
    """Faults of an HTML fragment: parse errors, elements and attributes that are a risk, addresses that are none."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
    tree = parser.parseFragment(markup)
    found = [f"HTML {code} at {place}: {markup[:80]!r}" for place, code, _ in parser.errors]
    for element in tree.iter():
        if element.tag != "DOCUMENT_FRAGMENT" and element.tag not in TAGS:
            found.append(f"element {element.tag}")
        for name, value in element.attrib.items():
            if name not in ATTRIBUTES:
                found.append(f"attribute {name} of {element.tag}")
            if name in ("href", "src", "cite"):
                found += [] if value.startswith("mailto:") and name == "href" else _uri(value)
    return found
