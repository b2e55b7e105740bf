"""What a document leaves behind, ready to be written: made once, where the document was read.

    NormalisedFeed ─▶ prepare ─▶ ReadyFeed ═▶ (to the poller's process) ═▶ save_polls

Texts and numbers as the database takes them, instead of 30 entries with everything that hangs on them: handing those
from a child to the poller took 0.9 ms a feed on both sides together, plain tuples take 0.1 ms, and working out columns,
hashes and story keys here leaves the one writer only the writing. Pure; loaded in the parser's children, so nothing
here may import SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from sys import getsizeof as size
from typing import Any, NamedTuple

from ketfeed.model import Entry, FeedInfo, NormalisedFeed, Source, Tagging
from ketfeed.store.codec import TagColumns, entry_columns, entry_from, tag_columns, tagging_from
from ketfeed.store.keys import Clue, clue
from ketfeed.store.times import from_us, to_us


class ReadyEntry(NamedTuple):
    """An entry as the table has it, in the order of ROW, and what the other tables need."""

    id: str
    raw_id: str
    same_key: int | None
    content_hash: bytes
    published: int | None
    updated: int | None
    sort_at: int  # min(published or updated, time of the visit)
    relevant: bool
    kind: str
    language: str | None
    title: str
    link: str | None
    canonical_link: str | None
    excerpt: str
    data: str
    tagging: str
    names: str
    summary: str
    summary_text: str
    text: str
    content: str
    raw: str | None
    matches: tuple[tuple[str, int, float, str], ...]  # topic, position, score, reasons
    tagged: bool  # False: nobody asked the rules; tags that are stored hold
    clue: Clue | None  # None: not worked out, see clue_of

    @property
    def said(self) -> int | None:
        """The document's own date, microseconds."""
        return self.updated if self.published is None else self.published


ROW = ReadyEntry._fields[: ReadyEntry._fields.index("matches")]
"""Columns of ``entry`` that the document and its tagging decide."""
ENTRY_WEIGHT = 2_000
"""Bytes of an entry beside its large texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyFeed:
    """A document read to the end and ready to be stored; entries in its order."""

    info: FeedInfo
    now: int  # time of the visit, microseconds
    entries: tuple[ReadyEntry, ...]
    entries_hash: str  # over everything that would be stored
    more: tuple[str, ...] = ()  # addresses that hold the rest, see NormalisedFeed
    whole: NormalisedFeed | None = None  # as read; kept of pages and sitemaps, to which more may be added

    @property
    def weight(self) -> int:
        """Bytes it takes in memory, about."""
        texts = sum([size(one.summary) + size(one.text) + size(one.content) + size(one.raw) for one in self.entries])
        return texts + (len(self.entries) + 1) * ENTRY_WEIGHT

    @property
    def dates(self) -> list[datetime]:
        """The entries' own dates, of those that have one."""
        return [from_us(said) for one in self.entries if (said := one.said) is not None]

    def __reduce__(self) -> tuple[Any, ...]:
        plain = [tuple(one) for one in self.entries]
        return _received, (self.info, self.now, plain, self.entries_hash, self.more, self.whole)


def _received(
    info: FeedInfo,
    now: int,
    entries: Sequence[Iterable[Any]],
    entries_hash: str,
    more: tuple[str, ...],
    whole: NormalisedFeed | None,
) -> ReadyFeed:
    ready = tuple(map(ReadyEntry._make, entries))
    return ReadyFeed(info=info, now=now, entries=ready, entries_hash=entries_hash, more=more, whole=whole)


def prepare(feed: NormalisedFeed, source: Source, now: datetime, first: bool = True) -> ReadyFeed:
    """Everything that would be stored of a document that was visited ``now``.

    first: nothing of the source is stored, so every entry that may show will look for its story. Else few will, and
    their clues are left to be worked out when it is known which: a clue costs a twentieth of reading a feed.
    """
    at = to_us(now)
    everything = source.relevance == "all"
    taggings: Sequence[Tagging | None] = feed.taggings or (None,) * len(feed.entries)
    entries: list[ReadyEntry] = []
    tags, columns = UNTAGGED, tag_columns(UNTAGGED)
    for entry, tagging in zip(feed.entries, taggings, strict=True):
        if (tagging or UNTAGGED) is not tags:  # entries of which the rules say nothing share one tagging
            tags = tagging or UNTAGGED
            columns = tag_columns(tags)
        with_clue = first and (everything or (tagging is not None and tags.relevant))
        entries.append(_ready(entry, tagging, columns, at, with_clue))
    return ReadyFeed(
        info=feed.info,
        now=at,
        entries=tuple(entries),
        entries_hash=entries_hash(entries),
        more=feed.more,
        whole=feed if source.type != "feed" or feed.more else None,
    )


def ready(entry: Entry, tagging: Tagging | None, now: int, *, with_clue: bool = False) -> ReadyEntry:
    """One entry, seen at ``now`` (microseconds)."""
    return _ready(entry, tagging, tag_columns(tagging or UNTAGGED), now, with_clue)


def _ready(entry: Entry, tagging: Tagging | None, tags: TagColumns, now: int, with_clue: bool) -> ReadyEntry:
    columns = entry_columns(entry)
    published, updated = columns.published, columns.updated
    said = updated if published is None else published
    sort_at = now if said is None or said > now else said
    return ReadyEntry(
        entry.id,
        columns.raw_id,
        columns.same_key,
        columns.content_hash,
        published,
        updated,
        sort_at,
        tags.relevant,
        tags.kind,
        columns.language,
        columns.title,
        columns.link,
        columns.canonical_link,
        columns.excerpt,
        columns.data,
        tags.tagging,
        columns.names,
        columns.summary,
        columns.summary_text,
        columns.text,
        columns.content,
        columns.raw,
        tags.matches,
        tagging is not None,
        clue(entry, tagging or UNTAGGED, sort_at) if with_clue else None,
    )


UNTAGGED = Tagging()


def clue_of(one: ReadyEntry, source_id: str) -> Clue:
    """What leads to an entry's story, worked out from its columns where it was not."""
    if one.clue is not None:
        return one.clue
    row = one._asdict()
    return clue(entry_from(row, source_id), tagging_from(row, ()), one.sort_at)


def entries_hash(entries: Sequence[ReadyEntry]) -> str:
    """A digest over everything that would be stored; equal when a document only changed its wrapping."""
    together = b"\0".join(part for one in entries for part in (one.raw_id.encode(), one.content_hash))
    return blake2b(together, digest_size=16).hexdigest()
