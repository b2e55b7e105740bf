"""A feed and its items before any format: RSS, Atom and JSON Feed are written from these values alone.

So the same entries, ids and fields stand in all three. Every text here is already plain or valid HTML
(``wording``), every address absolute, every time aware and in UTC with whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Format = Literal["rss", "atom", "json"]
FORMATS: tuple[Format, ...] = ("rss", "atom", "json")

MEDIA_TYPES: dict[Format, str] = {
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "json": "application/feed+json",
}

REASON_RELATION = "http://purl.org/dc/terms/subject"
"""Relation of the links that say why an item is here: from the item to its topic, the reason as the link's title.

Atom's own extension point (RFC 4287 section 4.2.7.2: a relation may be an address) with Dublin Core's "subject". A
namespace of our own would say the same, and every validator would warn of it.
"""


@dataclass(frozen=True, slots=True)
class Name:
    """An author as feeds name one. Addresses of persons are not passed on to harvesters."""

    name: str
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A category: ``term`` in ``scheme``, shown as ``label``."""

    term: str
    label: str
    scheme: str | None = None


@dataclass(frozen=True, slots=True)
class TopicLabel:
    """One of our topics on an item, with its page and every reason in words."""

    id: str
    title: str
    url: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    url: str
    type: str
    length: int  # bytes; 0 where the source did not say


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of an item."""

    id: str
    title: str
    homepage: str | None
    feed: str | None  # address of a feed; None when the source is a page or sitemap
    identity: str  # of the source as a feed has one: its address
    rights: str | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Another entry that reports the same."""

    title: str
    url: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of a feed."""

    id: str  # "urn:uuid:…", stable for ever
    title: str  # plain, never empty
    url: str  # where it was published, else its page here
    page: str  # its page here
    published: datetime  # never later than first seen
    updated: datetime  # never before published
    authors: tuple[Name, ...]  # never empty
    summary: str  # plain, never empty
    content: str  # HTML, never empty, with attribution and reasons at its foot
    short: str = ""  # the same with the summary for the text, where the whole is too long for a feed
    topics: tuple[TopicLabel, ...] = ()
    categories: tuple[Label, ...] = ()  # topics first, then the source's own
    attachments: tuple[Attachment, ...] = ()
    image: str | None = None
    language: str | None = None
    comments: str | None = None
    identifiers: tuple[tuple[str, str], ...] = ()  # ("doi:10.1/x", address)
    kind: str = ""
    first_seen: datetime | None = None
    facts: tuple[tuple[str, str], ...] = ()  # ("phase", "Phase 2")
    origin: Origin
    also: tuple[Coverage, ...] = ()
    rights: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A feed: what it says of itself, and its items newest first."""

    key: str  # the address below /feeds/ without its ending: "ptsd", "kind/research"
    id: str  # "urn:uuid:…", stable, the same for all formats
    title: str
    description: str  # plain, never empty
    language: str
    page: str  # HTML twin
    addresses: dict[Format, str]  # of this document, per format
    updated: datetime
    icon: str
    site_title: str
    site_url: str
    about: str  # page that explains the extension
    hubs: tuple[str, ...] = ()
    ttl: int = 60  # minutes
    items: tuple[Item, ...] = ()
    stylesheet: str | None = None
    archive: bool = False  # RFC 5005 archive document
    current: dict[Format, str] | None = None  # the subscription document of an archive
    previous: dict[Format, str] | None = None  # next older archive document
    next: dict[Format, str] | None = None  # next newer archive document
