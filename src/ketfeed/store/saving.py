"""save_polls: what some polls brought becomes what the store remembers, in one transaction.

```
batch ─▶ BEGIN IMMEDIATE
         ├─ per poll with a document, inside a savepoint
         │    compare   stored raw ids and content hashes   → new, edited, unchanged
         │    recognise new raw ids under an old link and title (a publisher gave everything new ids)
         │    write     entries, full text, matches
         │    link      stories (stories.py), places in feeds (placing.py)
         ├─ all states and poll rows of the batch
         └─ COMMIT      the version grows when a feed shows something else
```
Validators and hashes reach the disk in the same commit as the entries they stand for, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection, bindparam, delete, exc, func, insert, select, update

from ketfeed.model import ENTRY_NAMESPACE, Entry, NormalisedFeed, Tagging
from ketfeed.store import fulltext
from ketfeed.store.codec import entry_columns, match_columns, poll_columns, state_columns, state_from, tagging_text
from ketfeed.store.edits import adopt, any_waiting
from ketfeed.store.engine import to_us
from ketfeed.store.linking import Arrival, Candidates, link, write_reasons
from ketfeed.store.listing import Member, is_visible, places
from ketfeed.store.meta import next_version, publish_version, read_number, run_many, upsert
from ketfeed.store.placing import INSERT_PLACE, Changed, place_columns, relist
from ketfeed.store.records import PollCounts, PollWrite
from ketfeed.store.schema import ENTRY, MATCH, POLL, SOURCE, STATE

Stored = Any
"""A stored entry's row with the columns of ``_COMPARED``."""

Change = tuple[Entry, Tagging | None, dict[str, Any], Stored]
"""An entry as it is now, its tagging (None: the old one holds), its columns, and its stored row."""

DAY_US = 86_400_000_000
SAME_DAYS = 2
"""Days two publication dates may differ when one link and title stand for several entries (a weekly round-up)."""

CHUNK = 500

BadPoll = (exc.StatementError, ValueError, TypeError, OverflowError)
"""Errors of one poll's content; anything that says the database itself is in trouble is raised for the whole batch."""


def save(connection: Connection, batch: Sequence[PollWrite], known: Candidates) -> list[PollCounts]:
    """Write a batch inside the running transaction; one PollCounts per poll, in order."""
    sources = load_sources(connection, {write.source.id for write in batch})
    saver = _Saver(
        connection,
        version=next_version(connection),
        next_number=(connection.execute(select(func.max(ENTRY.c.number))).scalar_one() or 0) + 1,
        backfill=read_number(connection, "backfill", 20),
        waiting=any_waiting(connection),
        known=known,
    )
    states: list[dict[str, Any]] = []
    polls: list[dict[str, Any]] = []
    counts: list[PollCounts] = []
    now = max((to_us(write.poll.started_at) for write in batch), default=0)
    for write in batch:
        source = sources.get(write.source.id)
        if source is None:
            counts.append(PollCounts(error=f"{write.source.id!r} is not in the store: it left the file"))
            continue
        count = saver.document(write, source) if write.feed is not None else PollCounts()
        if count.error is not None:
            write = _failed(connection, write, source, count.error)  # what is recorded instead
        source.entries += count.new
        counts.append(count)
        counted = {"last_new": count.new, "last_updated": count.updated, "last_unchanged": count.unchanged}
        states.append(state_columns(write.state) | counted | {"number": source.number, "entries": source.entries})
        counted = {"new": count.new, "updated": count.updated, "unchanged": count.unchanged}
        polls.append(poll_columns(write.poll, source.number) | counted)
    if states:
        run_many(connection, _UPDATE_STATE, states)
        # The same source at the same microsecond is the same visit told twice.
        run_many(connection, upsert(connection, POLL, "source", "started_at"), polls)
    if saver.changed:
        publish_version(connection, saver.version, saver.changed, now)
    return counts


_UPDATE_STATE = (
    update(STATE)
    .where(STATE.c.source == bindparam("number"))
    .values({column.name: bindparam(column.name) for column in STATE.c if column.name != "source"})
)


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


def load_sources(connection: Connection, ids: Iterable[str]) -> dict[str, SourceFacts]:
    """The batch's sources by id."""
    found: dict[str, SourceFacts] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), CHUNK):
        rows = connection.execute(_SOURCES, {"ids": wanted[start : start + CHUNK]})
        found.update((row.id, SourceFacts(*row)) for row in rows)
    return found


_SOURCES = (
    select(
        SOURCE.c.number, SOURCE.c.id, SOURCE.c.salt, SOURCE.c.active, SOURCE.c.relevance, SOURCE.c.priority,
        STATE.c.entries,
    )
    .join(STATE, STATE.c.source == SOURCE.c.number)
    .where(SOURCE.c.id.in_(bindparam("ids", expanding=True)))
)  # fmt: skip


def _failed(connection: Connection, write: PollWrite, source: SourceFacts, error: str) -> PollWrite:
    """The same poll as a failure of storage: what the next visit would ask with is what was stored before."""
    row = connection.execute(select(STATE).where(STATE.c.source == source.number)).mappings().one()
    before = state_from(row, source.id, source.active)
    state = replace(
        write.state,
        validators=before.validators, body_hash=before.body_hash, entries_hash=before.entries_hash,
        last_ok_at=before.last_ok_at, last_full_at=before.last_full_at,
        last_outcome="storage", last_error=error, failures=before.failures + 1,
    )  # fmt: skip
    return replace(write, state=state, poll=replace(write.poll, outcome="storage", error=error), feed=None)


@dataclass(slots=True)
class _Sorted:
    """A document's entries by what they are to the store."""

    new: list[tuple[Entry, Tagging, dict[str, Any]]] = field(default_factory=list)
    edited: list[Change] = field(default_factory=list)
    unchanged: int = 0


@dataclass(slots=True)
class _Saver:
    connection: Connection
    version: int
    next_number: int
    backfill: int
    known: Candidates
    waiting: bool  # editors' decisions about entries not stored yet
    changed: Changed = field(default_factory=Changed)

    def document(self, write: PollWrite, source: SourceFacts) -> PollCounts:
        """Store one document inside a savepoint; an error of its content is in the result."""
        assert write.feed is not None  # noqa: S101  # the caller asked
        first_number = self.next_number
        savepoint = self.connection.begin_nested()
        try:
            counts, changed = self._document(write.feed, source, to_us(write.poll.started_at))
        except exc.OperationalError:
            raise
        except BadPoll as error:
            savepoint.rollback()
            self.next_number = first_number
            return PollCounts(error=f"The entries could not be stored: {type(error).__name__}: {_short(error)}")
        savepoint.commit()
        self.changed.update(changed)
        return counts

    def _document(self, feed: NormalisedFeed, source: SourceFacts, now: int) -> tuple[PollCounts, Changed]:
        parts = self._sort(feed, source)
        changed = self._add(parts.new, source, now) if parts.new else Changed()
        if parts.edited:
            changed.update(change_entries(self.connection, parts.edited, now, self.version))
        renamed = sum(columns["content_hash"] == row.content_hash for _, _, columns, row in parts.edited)
        counts = PollCounts(
            new=len(parts.new),
            updated=len(parts.edited) - renamed,
            unchanged=parts.unchanged + renamed,
            known=bool(parts.edited or parts.unchanged),
            changed_feeds=frozenset(changed),
        )
        return counts, changed

    # ------------------------------------------------------------ compare

    def _sort(self, feed: NormalisedFeed, source: SourceFacts) -> _Sorted:
        parts = _Sorted()
        tagged = bool(feed.taggings)
        document: dict[str, tuple[Entry, Tagging | None, dict[str, Any]]] = {}
        for at, entry in enumerate(feed.entries):
            columns = entry_columns(entry)
            document.setdefault(columns["raw_id"], (entry, feed.taggings[at] if tagged else None, columns))
        known = self._known(source, document) if source.entries else {}
        moved = self._given_new_ids(source, document, known, feed.info.homepage) if source.entries else {}
        for raw_id, (entry, tagging, columns) in document.items():
            row = known.get(raw_id)
            if row is None:
                row = moved.get(raw_id)
            if row is None:
                parts.new.append((entry, tagging or Tagging(), columns))
            elif row.content_hash == columns["content_hash"] and row.raw_id == raw_id:
                parts.unchanged += 1
            else:
                parts.edited.append((entry, tagging, columns, row))
        return parts

    def _known(self, source: SourceFacts, document: dict[str, Any]) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        wanted = list(document)
        for start in range(0, len(wanted), CHUNK):
            rows = self.connection.execute(_BY_RAW_ID, {"source": source.number, "ids": wanted[start : start + CHUNK]})
            found.update((row.raw_id, row) for row in rows)
        return found

    def _given_new_ids(
        self, source: SourceFacts, document: dict[str, Any], known: dict[str, Stored], homepage: str | None
    ) -> dict[str, Stored]:
        """New raw ids whose link and title belong to a stored entry that the document no longer names.

        Not taken for the same: links that several entries of the document share or that are the homepage, and a link
        and title under which several entries are stored, unless the date is the same too.
        """
        fresh: dict[int, list[str]] = {}
        for raw_id, (entry, _, columns) in document.items():
            if raw_id not in known and columns["same_key"] is not None and entry.link != homepage:
                fresh.setdefault(columns["same_key"], []).append(raw_id)
        keys = [key for key, raw_ids in fresh.items() if len(raw_ids) == 1]
        stored: dict[int, list[Stored]] = {}
        for start in range(0, len(keys), CHUNK):
            rows = self.connection.execute(_BY_SAME_KEY, {"source": source.number, "keys": keys[start : start + CHUNK]})
            for row in rows:
                if row.raw_id not in document:
                    stored.setdefault(row.same_key, []).append(row)
        found: dict[str, Stored] = {}
        for key, rows_of_key in stored.items():
            raw_id = fresh[key][0]
            published = document[raw_id][2]["published"]
            match = rows_of_key if len(rows_of_key) == 1 else [row for row in rows_of_key if row.published == published]
            if len(match) == 1 and _same_time(match[0].published, published):
                found[raw_id] = match[0]
        return found

    # ------------------------------------------------------------ write

    def _add(self, new: list[tuple[Entry, Tagging, dict[str, Any]]], source: SourceFacts, now: int) -> Changed:
        connection = self.connection
        first = self.next_number
        self.next_number += len(new)
        shown_first = _announced(new, source, self.backfill) if not source.entries else None
        rows: list[dict[str, Any]] = []
        matches: list[dict[str, Any]] = []
        arrivals: list[Arrival] = []
        for at, (entry, tagging, columns) in enumerate(new):
            number = first + at
            said = columns["published"] or columns["updated"]
            columns |= {
                "number": number,
                "id": entry.id if source.salt is None else _salted(source, columns["raw_id"]),
                "source": source.number,
                "first_seen": now,
                "sort_at": now if said is None or said > now else said,
                "changed_at": now,
                "announced": True if shown_first is None else at in shown_first,
                "relevant": tagging.relevant,
                "edited": False,
                "kind": tagging.kind,
                "tagging": tagging_text(tagging),
            }
            rows.append(columns)
            if tagging.matches:
                matches += match_columns(number, tagging)
            if tagging.relevant or source.policy == "all":
                arrivals.append(Arrival(number, entry, tagging, columns["sort_at"], source.priority))
        links = link(connection, arrivals, self.known)
        for columns in rows:
            columns["story"] = links.joined.get(columns["number"], columns["number"])
        run_many(connection, _INSERT_ENTRY, rows)
        write_reasons(connection, links)
        fulltext.add(connection, first, first + len(new) - 1)
        if matches:
            run_many(connection, _INSERT_MATCH, matches)
        changed = self._place(new, source, set(links.joined.values()))
        if self.waiting:
            changed.update(adopt(connection, {row["id"]: row["number"] for row in rows}, self.version, now))
        return changed

    def _place(
        self, new: list[tuple[Entry, Tagging, dict[str, Any]]], source: SourceFacts, crowded: set[int]
    ) -> Changed:
        """Give new entries their places; stories that are one new entry alone need no look at what was there."""
        alone = [_member(columns, tagging, source) for _, tagging, columns in new if columns["story"] not in crowded]
        listed = [
            place_columns(place, self.version) for member in alone if member.visible for place in places([member])
        ]
        if listed:
            run_many(self.connection, INSERT_PLACE, listed)
        changed = Changed(row["feed"] for row in listed)
        changed.update(relist(self.connection, crowded, self.version))
        return changed


def change_entries(connection: Connection, edited: Sequence[Change], now: int, version: int) -> Changed:
    """Overwrite stored entries in place, full text, matches and places with them.

    Id, first seen and story stay, and the sort date never moves forward.
    """
    numbers = [row.number for _, _, _, row in edited]
    fulltext.remove(connection, numbers)
    rows: list[dict[str, Any]] = []
    matches: list[dict[str, Any]] = []
    tagged: list[int] = []
    for _, tagging, columns, row in edited:
        when = columns["published"] or columns["updated"] or row.first_seen
        rows.append(
            columns
            | {
                "at_number": row.number,
                "sort_at": min(row.sort_at, when),
                "changed_at": now if columns["content_hash"] != row.content_hash else row.changed_at,
                "relevant": row.relevant if tagging is None else tagging.relevant,
                "kind": row.kind if tagging is None else tagging.kind,
                "tagging": row.tagging if tagging is None else tagging_text(tagging),
            }
        )
        if tagging is not None:
            tagged.append(row.number)
            matches += match_columns(row.number, tagging)
    run_many(connection, _UPDATE_ENTRY, rows)
    for number in numbers:
        fulltext.add(connection, number, number)
    if tagged:
        gone = delete(MATCH).where(MATCH.c.entry == bindparam("at_entry"))
        connection.execute(gone, [{"at_entry": number} for number in tagged])
    if matches:
        run_many(connection, _INSERT_MATCH, matches)
    shown = [row.number for _, _, columns, row in edited if columns["content_hash"] != row.content_hash]
    return relist(connection, {row.story for _, _, _, row in edited}, version, shown)


_INSERT_ENTRY = insert(ENTRY)
_INSERT_MATCH = insert(MATCH)
_COMPARED = (
    ENTRY.c.number, ENTRY.c.raw_id, ENTRY.c.same_key, ENTRY.c.content_hash, ENTRY.c.story, ENTRY.c.published,
    ENTRY.c.first_seen, ENTRY.c.sort_at, ENTRY.c.changed_at, ENTRY.c.relevant, ENTRY.c.kind, ENTRY.c.tagging,
)  # fmt: skip
_BY_RAW_ID = select(*_COMPARED).where(
    ENTRY.c.source == bindparam("source"), ENTRY.c.raw_id.in_(bindparam("ids", expanding=True))
)
_BY_SAME_KEY = select(*_COMPARED).where(
    ENTRY.c.source == bindparam("source"), ENTRY.c.same_key.in_(bindparam("keys", expanding=True))
)
_STAYS = {"number", "id", "source", "story", "first_seen", "announced", "edited"}
_UPDATE_ENTRY = (
    update(ENTRY)
    .where(ENTRY.c.number == bindparam("at_number"))
    .values({column.name: bindparam(column.name) for column in ENTRY.c if column.name not in _STAYS})
)


def _member(columns: dict[str, Any], tagging: Tagging, source: SourceFacts) -> Member:
    """A new entry as placing sees it: no editor has decided anything about it yet."""
    return Member(
        number=columns["number"],
        story=columns["story"],
        source=source.number,
        priority=source.priority,
        kind=tagging.kind,
        language=columns["language"],
        sort_at=columns["sort_at"],
        visible=is_visible(
            active=source.active, relevant=tagging.relevant, policy=source.policy, announced=columns["announced"],
            hidden=False, pinned=False, added=False,
        ),
        topics=frozenset(match.topic for match in tagging.matches),
        pinned=False,
    )  # fmt: skip


def _announced(new: list[tuple[Entry, Tagging, dict[str, Any]]], source: SourceFacts, backfill: int) -> set[int]:
    """Which entries of a first document are announced: the newest ``backfill`` of those that may be public.

    Others are announced when they are among the newest of the whole document, for the day a rule finds them relevant.
    Entries without a date count in the order of the document.
    """
    newest = sorted(range(len(new)), key=lambda at: -(new[at][2]["published"] or new[at][2]["updated"] or 1 << 62))
    eligible = [at for at in newest if new[at][1].relevant or source.policy == "all"]
    may = set(eligible)
    return set(eligible[:backfill]) | {at for at in newest[:backfill] if at not in may}


def _same_time(stored: int | None, said: int | None) -> bool:
    return stored is None or said is None or abs(stored - said) <= SAME_DAYS * DAY_US


def _salted(source: SourceFacts, raw_id: str) -> str:
    """The id of an entry of a source whose own id once named another source (ids are never reused)."""
    return str(uuid5(ENTRY_NAMESPACE, f"{source.id}\n{raw_id}\n{source.salt}"))


def _short(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error).splitlines()
    return text[0][:200] if text else ""
