"""The document that is read, and how much of it: every number has a unit and comes from Settings or design.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ketfeed.settings import Settings

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """What a poll brought home, or a file's bytes.

    ``url`` is the address it was answered from after redirects (empty or a file name for a file).
    ``content_location`` is the header of that name: it wins as the base of relative links (RFC 9110 section 8.7).
    """

    body: bytes
    content_type: str | None  # the Content-Type header, None when nobody said
    url: str
    content_location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one document; what passes a bound is cut with a note, or refused where cutting makes no sense."""

    entries: int = 500  # kept of one document, the newest
    field: int = 256 * 1024  # characters of one text field
    tags: int = 5_000  # "<" in one HTML field; more: plain text only
    depth: int = 200  # nesting of one HTML field, and of the XML elements of a document
    attributes: int = 250  # of one XML element
    title: int = 1_000  # characters
    url: int = 4_096  # characters; longer is no link
    id: int = 1_024  # characters; longer: its SHA-256
    categories: int = 50  # of one entry
    people: int = 100  # authors of one entry (a consortium paper has thousands)
    enclosures: int = 50  # of one entry
    decoded: int = 10 * MIB  # bytes of a gzip body without a header, inflated

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits an operator set."""
        return cls(entries=settings.max_entries, field=settings.max_field, decoded=settings.max_decoded)
