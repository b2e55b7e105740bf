"""What a document's entries are to the store: new, edited or unchanged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select

from ketfeed.store.ready import ReadyEntry, ReadyFeed
from ketfeed.store.schema import ENTRY, SOURCE, STATE
from ketfeed.store.statements import rows_among

Stored = Any
"""A stored entry's row with the columns of ``_COMPARED``."""

DAY_US = 86_400_000_000
SAME_DAYS = 2
"""Days two publication dates may differ when one link and title stand for one entry (not a weekly round-up)."""

CHUNK = 500


@dataclass(slots=True)
class SourceFacts:
    """What saving needs to know of a source; ``entries`` grows as the batch is written."""

    number: int
    id: str
    salt: str | None
    active: bool
    policy: str
    priority: int
    entries: int


def load_sources(connection: Connection, ids: Collection[str]) -> dict[str, SourceFacts]:
    """The batch's sources by id."""
    return {
        name: SourceFacts(number, name, salt, bool(active), *rest)
        for number, name, salt, active, *rest in rows_among(connection, _SOURCES, ids)
    }


_AMONG: BindParameter[str] = bindparam("among", expanding=True)
_SOURCES = (
    select(
        SOURCE.c.number, SOURCE.c.id, SOURCE.c.salt, SOURCE.c.active, SOURCE.c.relevance, SOURCE.c.priority,
        STATE.c.entries,
    )
    .join(STATE, STATE.c.source == SOURCE.c.number)
    .where(SOURCE.c.id.in_(_AMONG))
)  # fmt: skip


@dataclass(slots=True)
class New:
    """An entry the store has not seen; saving gives it its number, its story and whether it is announced."""

    entry: ReadyEntry
    source: SourceFacts
    now: int  # time of the visit
    number: int = 0
    story: int = 0
    announced: bool = True
    may_show: bool = field(init=False)  # stands in feeds once it is announced, and so needs a story

    def __post_init__(self) -> None:
        self.may_show = self.entry.relevant or self.source.policy == "all"


@dataclass(frozen=True, slots=True)
class Edited:
    """A stored entry that the document has otherwise, or under another raw id."""

    entry: ReadyEntry
    row: Stored
    source: SourceFacts | None
    now: int

    @property
    def shown(self) -> bool:
        """Did anything change but the raw id?"""
        return bool(self.entry.content_hash != self.row.content_hash)


@dataclass(slots=True)
class Compared:
    """A document's entries by what they are to the store."""

    new: list[New] = field(default_factory=list)
    edited: list[Edited] = field(default_factory=list)
    unchanged: int = 0


def compare(connection: Connection, feed: ReadyFeed, source: SourceFacts) -> Compared:
    """Look the document's entries up by raw id, then by link and title; the first of equal raw ids counts."""
    parts = Compared()
    document: dict[str, ReadyEntry] = {}
    for entry in feed.entries:
        document.setdefault(entry.raw_id, entry)
    if not source.entries:
        parts.new = [New(entry, source, feed.now) for entry in document.values()]
        return parts
    known = _known(connection, source, document)
    moved = _given_new_ids(connection, source, document, known, feed.info.homepage)
    for raw_id, entry in document.items():
        row = known.get(raw_id)
        if row is None:
            row = moved.get(raw_id)
        if row is None:
            parts.new.append(New(entry, source, feed.now))
        elif row.content_hash == entry.content_hash and row.raw_id == raw_id:
            parts.unchanged += 1
        else:
            parts.edited.append(Edited(entry, row, source, feed.now))
    return parts


def _known(connection: Connection, source: SourceFacts, document: Mapping[str, ReadyEntry]) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    wanted = list(document)
    for start in range(0, len(wanted), CHUNK):
        rows = connection.execute(_BY_RAW_ID, {"source": source.number, "ids": wanted[start : start + CHUNK]})
        found.update((row.raw_id, row) for row in rows)
    return found


def _given_new_ids(
    connection: Connection,
    source: SourceFacts,
    document: Mapping[str, ReadyEntry],
    known: Mapping[str, Stored],
    homepage: str | None,
) -> dict[str, Stored]:
    """New raw ids whose link and title belong to a stored entry that the document no longer names.

    Not taken for the same: links that several entries of the document share or that are the homepage, and a link
    and title under which several entries are stored, unless the date is the same too.
    """
    fresh: dict[int, list[str]] = {}
    for raw_id, entry in document.items():
        if raw_id not in known and entry.same_key is not None and entry.link != homepage:
            fresh.setdefault(entry.same_key, []).append(raw_id)
    keys = [key for key, raw_ids in fresh.items() if len(raw_ids) == 1]
    stored: dict[int, list[Stored]] = {}
    for start in range(0, len(keys), CHUNK):
        rows = connection.execute(_BY_SAME_KEY, {"source": source.number, "keys": keys[start : start + CHUNK]})
        for row in rows:
            if row.raw_id not in document:
                stored.setdefault(row.same_key, []).append(row)
    found: dict[str, Stored] = {}
    for key, rows_of_key in stored.items():
        raw_id = fresh[key][0]
        published = document[raw_id].published
        match = rows_of_key if len(rows_of_key) == 1 else [row for row in rows_of_key if row.published == published]
        if len(match) == 1 and _same_time(match[0].published, published):
            found[raw_id] = match[0]
    return found


def _same_time(stored: int | None, said: int | None) -> bool:
    return stored is None or said is None or abs(stored - said) <= SAME_DAYS * DAY_US


_COMPARED = (
    ENTRY.c.number, ENTRY.c.raw_id, ENTRY.c.same_key, ENTRY.c.content_hash, ENTRY.c.story, ENTRY.c.published,
    ENTRY.c.first_seen, ENTRY.c.sort_at, ENTRY.c.changed_at, ENTRY.c.relevant, ENTRY.c.kind, ENTRY.c.tagging,
    ENTRY.c.edited,
)  # fmt: skip
_BY_RAW_ID = select(*_COMPARED).where(
    ENTRY.c.source == bindparam("source"), ENTRY.c.raw_id.in_(bindparam("ids", expanding=True))
)
_BY_SAME_KEY = select(*_COMPARED).where(
    ENTRY.c.source == bindparam("source"), ENTRY.c.same_key.in_(bindparam("keys", expanding=True))
)
