"""From the slots that ``elements.py`` filled to a ParsedFeed: which element is the title, the date, the author.

Every choice is a tuple in order of preference, so that a rule can be read without reading code.
"""

from __future__ import annotations

from ketfeed.ingest.elements import Elements, Item, Text
from ketfeed.ingest.parsed import ParsedEntry, ParsedFeed, ParsedImage, ParsedLink
from ketfeed.ingest.people import distinct
from ketfeed.ingest.vocabulary import HTML_TYPES, XHTML
from ketfeed.model import Person, RawText

TITLE = ("title", "dc_title", "itunes_title", "media_title")
SUMMARY = (
    "description", "summary", "abstract", "dcterms_abstract", "dc_description", "media_description",
    "googleplay_description", "itunes_summary", "itunes_subtitle", "subtitle",
)  # fmt: skip
CONTENT = ("content_encoded", "content", "fullitem", "xhtml_body", "body")
_CONTENT = frozenset(CONTENT)
RIGHTS = ("rights", "copyright", "dcterms_rights", "dc_rights", "media_copyright")

_RIGHTS = frozenset(RIGHTS)

PUBLISHED = (
    "pubdate", "published", "issued", "dcterms_issued", "dc_date", "prism_date", "created", "dcterms_created",
    "prism_coverdate",
)  # fmt: skip
"""Date of publication. ``dc:date`` is "a date associated with an event in the life cycle" (DCMI); in RSS 1.0 it is
the only date there is, so it stands for publication unless something says that better."""

UPDATED = ("updated", "modified", "dcterms_modified", "lastbuilddate")

AUTHOR_ROLES = (("author", "creator"), ("itunes",))
"""The first group that names anybody; contributors, editors and publishers are not the author of an entry."""

_RSS = {"0.9": "0.90", "0.90": "0.90", "0.91": "0.91", "0.92": "0.92", "0.93": "0.93", "0.94": "0.94", "1.0": "1.0"}


def harvest(reader: Elements, notes: tuple[str, ...]) -> ParsedFeed:
    """The document that a reader has been through."""
    feed = reader.channel
    kind = format_name(reader)
    if reader.root == "entry":
        notes = (*notes, "format: a single entry, read as a feed of one")
    redirect = _extra(feed, "newlocation") or _extra(feed, "itunes_new-feed-url")
    images = feed["images"]
    return ParsedFeed(
        format=kind,
        title=_text(feed, TITLE),
        links=tuple(feed["links"]),
        language=feed["language"],
        generator=_extra(feed, "generator"),
        rights=_rights(feed),
        authors=_people(feed, (("author",),)) if reader.is_atom() else (),
        ttl=_extra(feed, "ttl"),
        update_period=_extra(feed, "sy_updateperiod"),
        update_frequency=_extra(feed, "sy_updatefrequency"),
        skip_hours=tuple(reader.hours[:48]),
        skip_days=tuple(reader.days[:14]),
        new_feed_url=redirect,
        image=feed.get("itunes_image") or (images[0] if images else None),
        entries=tuple(_entry(item, reader.is_atom()) for item in reader.items),
        notes=notes,
        base=feed["base"],
    )


def format_name(reader: Elements) -> str:
    """The format by root element, its version and namespaces: ``rss2.0``, ``atom1.0``, ``cdf`` ..."""
    namespaces = {str(uri).lower() for uri in reader.namespaces_in_use.values()}
    version = reader.root_version
    if reader.root in {"feed", "entry"}:
        if version in {"0.1", "0.2", "0.3"}:
            return f"atom{version}"
        if "http://purl.org/atom/ns#" in namespaces:
            return "atom0.3"
        return "atom1.0"
    if reader.root == "rss":
        return f"rss{_RSS.get(version, '2.0' if version.startswith('2') or not version else version[:8])}"
    if reader.root in {"rdf_rdf", "rdf"}:
        return "rss0.90" if "http://my.netscape.com/rdf/simple/0.9/" in namespaces else "rss1.0"
    if reader.root == "channel":
        return "rss1.1" if "http://purl.org/net/rss1.1#" in namespaces else "cdf"
    return "rss2.0"


def _entry(item: Item, atom: bool) -> ParsedEntry:
    found_id = item["id"][1] if "id" in item else item.get("about")
    dates = item["dates"]
    source = item.get("source")
    authors = _people(item, AUTHOR_ROLES)
    if not authors and source is not None and atom:
        authors = _people(source, (("author",),))  # RFC 4287 section 4.2.1
    return ParsedEntry(
        id=found_id or None,
        id_is_link=bool(item.get("id_is_link")),
        id_may_be_link="guid_rule" not in item,
        links=tuple(item["links"]),
        original_link=item.get("original_link"),
        title=_text(item, TITLE),
        summary=_text(item, SUMMARY),
        content=_content(item),
        authors=authors,
        published=_dates(dates, PUBLISHED),
        updated=_dates(dates, UPDATED),
        categories=tuple(item["categories"]),
        enclosures=_enclosures(item),
        images=_images(item),
        language=item["language"],
        comments=item.get("comments") or _replies(item),
        comments_count=_comments_count(item) if item["extra"] else None,
        rights=_rights(item),
        identifiers=tuple(item["identifiers"]),
        base=item["base"],
    )


def _comments_count(item: Item) -> str | None:
    return _extra(item, "slash_comments") or _extra(item, "thr_total") or _extra(item, "thr_count")


def _dates(dates: dict[str, tuple[int, str]], slots: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([dates[slot][1] for slot in slots if slot in dates])


def _extra(item: Item, name: str) -> str | None:
    found = item["extra"].get(name)
    return found[1].strip() or None if found else None


def _raw(text: Text) -> RawText:
    _, value, kind, base = text
    if kind == "text/html":
        return RawText(value, "html", base or None)
    return RawText(value, "xhtml" if kind == XHTML or kind.endswith(("+xml", "/xml")) else "text", base or None)


def _text(item: Item, names: tuple[str, ...]) -> RawText | None:
    """The first element of the list that says something; of its occurrences the shallowest."""
    texts: dict[str, list[Text]] = item["texts"]
    for name in names:
        found = texts.get(name)
        if found is not None:
            return _raw(found[0] if len(found) == 1 else min(found, key=lambda text: text[0]))
    return None


def _content(item: Item) -> RawText | None:
    """The fullest content: markup before plain text, then the longer one; never a picture or a program."""
    texts: dict[str, list[Text]] = item["texts"]
    if _CONTENT.isdisjoint(texts):
        return None
    for name in CONTENT:
        if name not in texts:
            continue
        found = [text for text in texts[name] if text[2].startswith("text/") or text[2].endswith("xml")]
        if found:
            return _raw(max(found, key=lambda text: (text[2] in HTML_TYPES, len(text[1]))))
    return None


def _people(item: Item, groups: tuple[tuple[str, ...], ...]) -> tuple[Person, ...]:
    if not item["people"]:
        return ()
    for roles in groups:
        people = [person for role, person in item["people"] if role in roles]
        if people:
            return distinct(people)
    return ()


def _rights(item: Item) -> str | None:
    text = None if _RIGHTS.isdisjoint(item["texts"]) else _text(item, RIGHTS)
    if text is not None:
        return text.value
    for link in item["links"]:
        if link.rel == "license":
            return str(link.href)
    return _extra(item, "license") if item["extra"] else None


def _replies(item: Item) -> ParsedLink | None:
    """RFC 4685: the page where answers are; a feed of them is not for people."""
    pages = [link for link in item["links"] if link.rel == "replies" and (link.type or "text/html") == "text/html"]
    return pages[0] if pages else None


def _enclosures(item: Item) -> tuple[ParsedLink, ...]:
    """Enclosures as such, then sounds and films of Media RSS."""
    if not item["enclosures"] and not item["media"]:
        return ()
    found: dict[str, ParsedLink] = {}
    for link in item["enclosures"]:
        found.setdefault(link.href, link)
    for media in item["media"]:
        url, kind = media.get("url", "").strip(), media.get("type", "").strip().lower()
        if url and (kind.startswith(("audio/", "video/")) or (not kind and media.get("medium") in {"audio", "video"})):
            found.setdefault(url, ParsedLink(url, "enclosure", kind or None, media["base"], media.get("filesize")))
    return tuple(found.values())


def _images(item: Item) -> tuple[ParsedImage, ...]:
    """Media RSS pictures, the biggest first; then thumbnails, iTunes, enclosed pictures."""
    if not (item["media"] or item["images"] or item["enclosures"] or "itunes_image" in item):
        return ()
    pictures: list[tuple[int, ParsedImage]] = []
    titles = item["texts"].get("media_title") or [(0, "", "", "")]
    for media in item["media"]:
        url, kind = media.get("url", "").strip(), media.get("type", "").lower()
        if url and (kind.startswith("image/") or media.get("medium") == "image"):
            pictures.append((_number(media.get("width")), ParsedImage(url, media["base"], titles[0][1])))
    pictures.sort(key=lambda pair: -pair[0])
    images = [image for _, image in pictures] + item["images"]
    if itunes := item.get("itunes_image"):
        images.append(itunes)
    images += [
        ParsedImage(link.href, link.base, link.title)
        for link in item["enclosures"]
        if (link.type or "").lower().startswith("image/")
    ]
    return tuple(images)


def _number(text: str | None) -> int:
    digits = (text or "").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 7 else 0
