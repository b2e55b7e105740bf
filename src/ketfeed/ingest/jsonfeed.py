"""JSON Feed 1.0 and 1.1 (jsonfeed.org) become a ParsedFeed; a field of the wrong type counts as absent."""

from __future__ import annotations

import json
import re
from typing import Any

from ketfeed.errors import ForbiddenXml, NotAFeed, ParseFailed
from ketfeed.ingest.parsed import ParsedEntry, ParsedFeed, ParsedImage, ParsedLink
from ketfeed.ingest.people import distinct
from ketfeed.model import Category, Person, RawText

_SURROGATE = re.compile("[\ud800-\udfff]")  # halves of a character that "\\ud800" writes alone
_VERSION = re.compile(r"jsonfeed\.org/version/(\d(?:\.\d)?)")


def is_json(text: str) -> bool:
    """True when the document is a JSON object or list, whatever its media type says."""
    return text.lstrip(" \t\r\n\ufeff")[:1] in {"{", "["}


def parse_json(text: str) -> ParsedFeed:
    """What a JSON Feed says.

    Raises NotAFeed for other JSON, ForbiddenXml where it is nested absurdly, ParseFailed where it is broken.
    """
    try:
        data = json.loads(text.lstrip("\ufeff \t\r\n"), strict=False)
    except RecursionError as error:
        raise ForbiddenXml("the JSON document is nested too deeply") from error
    except ValueError as error:
        if "jsonfeed.org/version" in text[:2000]:
            raise ParseFailed(f"the JSON Feed is broken: {error}") from error
        raise NotAFeed("this is neither JSON nor a feed") from error
    if not isinstance(data, dict):
        raise NotAFeed("this is JSON, but not a JSON Feed")
    version = _VERSION.search(str(data.get("version", "")))
    items = data.get("items")
    if version is None and not (isinstance(items, list) and ("home_page_url" in data or "feed_url" in data)):
        raise NotAFeed("this is JSON, but not a JSON Feed")
    notes = () if version else ("format: JSON Feed without a version",)
    return ParsedFeed(
        format=f"jsonfeed{_minor(version[1]) if version else '1.1'}",
        title=_raw(data.get("title"), "text"),
        links=tuple(_links(data)),
        language=_text(data.get("language")),
        authors=_authors(data),
        image=_image(data.get("icon")),
        entries=tuple(_entry(item) for item in items if isinstance(item, dict)) if isinstance(items, list) else (),
        notes=notes,
    )


def _minor(version: str) -> str:
    return version if "." in version else f"{version}.0"


def _entry(item: dict[str, Any]) -> ParsedEntry:
    links = [ParsedLink(url) for url in (_text(item.get("url")), _text(item.get("external_url"))) if url]
    identity = _identity(item.get("id"))
    if not links and identity and identity.lower().startswith(("http://", "https://")):
        links = [ParsedLink(identity)]  # "id … often is the URL of the item"
    content = _raw(item.get("content_html"), "html") or _raw(item.get("content_text"), "text")
    notes = ("id: a number, written as text",) if isinstance(item.get("id"), int | float) else ()
    return ParsedEntry(
        id=identity,
        links=tuple(links),
        title=_raw(item.get("title"), "text"),
        summary=_raw(item.get("summary"), "text"),
        content=content,
        authors=_authors(item),
        published=_dates(item.get("date_published")),
        updated=_dates(item.get("date_modified")),
        categories=tuple(
            Category(tag.strip()) for tag in _list(item.get("tags")) if isinstance(tag, str) and tag.strip()
        ),
        enclosures=tuple(_attachments(item)),
        images=tuple(image for key in ("image", "banner_image") if (image := _image(item.get(key)))),
        language=_text(item.get("language")),
        notes=notes,
    )


def _identity(value: object) -> str | None:
    """Ids are strings; the specification wants numbers read as strings."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return _text(value)


def _text(value: object) -> str | None:
    return _SURROGATE.sub("\ufffd", value).strip() or None if isinstance(value, str) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _raw(value: object, kind: str) -> RawText | None:
    text = _text(value)
    if text is None:
        return None
    return RawText(text, "html" if kind == "html" else "text")


def _dates(value: object) -> tuple[str, ...]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (str(int(value)),) if 0 < value < 1e14 else ()
    text = _text(value)
    return (text[:200],) if text else ()


def _image(value: object) -> ParsedImage | None:
    url = _text(value)
    return ParsedImage(url) if url else None


def _authors(data: dict[str, Any]) -> tuple[Person, ...]:
    """1.1 has ``authors``, 1.0 ``author``; both are read."""
    people: list[Person] = []
    for author in [*_list(data.get("authors")), data.get("author")]:
        if isinstance(author, dict):
            name, url = _text(author.get("name")), _text(author.get("url"))
            if name or url:
                people.append(Person(name or "", url))
    return distinct(people)


def _links(data: dict[str, Any]) -> list[ParsedLink]:
    links = [
        ParsedLink(url, rel)
        for key, rel in (("home_page_url", "alternate"), ("feed_url", "self"), ("next_url", "next"))
        if (url := _text(data.get(key)))
    ]
    hubs = [hub for hub in _list(data.get("hubs")) if isinstance(hub, dict)]
    return links + [ParsedLink(url, "hub") for hub in hubs if (url := _text(hub.get("url")))]


def _attachments(item: dict[str, Any]) -> list[ParsedLink]:
    found = []
    for attachment in _list(item.get("attachments")):
        if isinstance(attachment, dict) and (url := _text(attachment.get("url"))):
            size = attachment.get("size_in_bytes")
            length = str(int(size)) if isinstance(size, int | float) and 0 <= size < 1e15 else None
            title = _text(attachment.get("title")) or ""
            found.append(ParsedLink(url, "enclosure", _text(attachment.get("mime_type")), None, length, title))
    return found
