"""What a document said, before we make anything of it: strings as written, with the base their addresses need.

Every reader (XML, JSON Feed, page, sitemap) gives a ParsedFeed; ``normalise.py`` makes entries of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ketfeed.model import Category, Person, RawText


@dataclass(frozen=True, slots=True)
class ParsedLink:
    """An address as written, and what relative parts of it refer to (xml:base so far)."""

    href: str
    rel: str = "alternate"
    type: str | None = None
    base: str | None = None
    length: str | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class ParsedImage:
    """A picture of an entry; ``alt`` is what the document says it shows."""

    href: str
    base: str | None = None
    alt: str = ""


@dataclass(slots=True, kw_only=True)
class ParsedEntry:
    """One item as the document has it; nothing cleaned, resolved or dated."""

    id: str | None = None  # guid, atom:id, rdf:about or JSON Feed id, white space around it removed
    id_is_link: bool = False  # RSS 2.0: <guid> without isPermaLink="false"
    id_may_be_link: bool = False  # Atom and rdf:about: an address that usually opens the page, if there is no link
    links: tuple[ParsedLink, ...] = ()  # every rel but enclosure, in order
    original_link: ParsedLink | None = None  # feedburner:origLink and the like
    title: RawText | None = None
    summary: RawText | None = None
    content: RawText | None = None
    authors: tuple[Person, ...] = ()
    published: tuple[str, ...] = ()  # candidates, best first, as written
    updated: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    enclosures: tuple[ParsedLink, ...] = ()
    images: tuple[ParsedImage, ...] = ()  # best first
    language: str | None = None
    comments: ParsedLink | None = None
    comments_count: str | None = None
    rights: str | None = None
    identifiers: tuple[tuple[str, str], ...] = ()  # (field, value): ("prism:doi", "10.1/x")
    base: str | None = None  # of the entry element
    notes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class ParsedFeed:
    """A whole document as it stands."""

    format: str
    title: RawText | None = None
    links: tuple[ParsedLink, ...] = ()
    language: str | None = None
    generator: str | None = None
    rights: str | None = None
    authors: tuple[Person, ...] = ()  # RFC 4287 section 4.2.1: of every entry that names none
    ttl: str | None = None  # minutes
    update_period: str | None = None  # sy:updatePeriod
    update_frequency: str | None = None  # sy:updateFrequency
    skip_hours: tuple[str, ...] = ()
    skip_days: tuple[str, ...] = ()
    new_feed_url: str | None = None
    image: ParsedImage | None = None
    entries: tuple[ParsedEntry, ...] = ()
    notes: tuple[str, ...] = ()
    base: str | None = None
