"""What discovery wants to know of a document. Loaded in the parser's children: nothing of the network here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ketfeed.ingest.urls import canonical
from ketfeed.model import Entry

Kind = Literal["feed", "sitemap", "page"]
OWN_TITLE = 20  # characters; "News" may stand in any feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a document holds, in few words: enough to choose between addresses."""

    title: str = ""
    format: str = ""
    newest: datetime | None = None  # date of its newest entry
    entries: int = 0
    marks: frozenset[str] = frozenset()  # of its entries, see marks_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Addresses a page gives that may be feeds, in page order; ``base`` is what its links hang on."""

    base: str
    named: Sequence[str] = ()  # <link rel="alternate"> and its kin
    linked: Sequence[str] = ()  # links that look like feeds
    readable: bool = True  # False: it is no page at all


def marks_of(entries: Iterable[Entry]) -> frozenset[str]:
    """What makes entries of two feeds the same: ids, addresses, titles that are long enough to be one's own."""
    marks: set[str] = set()
    for entry in entries:
        marks.add(f"id {entry.raw_id}")
        if entry.link:
            marks.add(f"link {canonical(entry.link)}")
        if len(entry.title) >= OWN_TITLE:
            marks.add(f"title {' '.join(entry.title.casefold().split())}")
    return frozenset(marks)
