"""save_polls: what some polls brought becomes what the store remembers, in one transaction.

```
batch ─▶ BEGIN IMMEDIATE
         ├─ a savepoint: the documents of all polls together; when one cannot be stored, each in a savepoint of its own
         │    compare   stored raw ids and content hashes → new, edited, unchanged      comparing.py
         │    link      new entries to stories                                           linking.py
         │    write     entries, full text, matches
         │    place     stories in feeds                                                 placing.py
         ├─ all states and poll rows of the batch
         └─ COMMIT      the version grows when a feed shows something else
```
Validators and hashes reach the disk in the same commit as the entries they stand for, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid5

import structlog
from sqlalchemy import Connection, bindparam, delete, exc, func, insert, select, update

from ketfeed.model import ENTRY_NAMESPACE
from ketfeed.store import fulltext
from ketfeed.store.codec import match_columns, poll_columns, state_columns, state_from, tagging_text
from ketfeed.store.comparing import Edited, New, SourceFacts, compare, load_sources
from ketfeed.store.edits import adopt, any_waiting
from ketfeed.store.linking import NO_LINKS, Arrival, Candidates, Links, link, loners, move_entries, write_reasons
from ketfeed.store.listing import Member, is_visible, places
from ketfeed.store.meta import next_version, publish_version, read_number, run_many, upsert
from ketfeed.store.placing import INSERT_PLACE, Changed, place_columns, relist
from ketfeed.store.records import PollCounts, PollWrite
from ketfeed.store.schema import ENTRY, MATCH, POLL, STATE
from ketfeed.store.times import to_us

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TOGETHER = 3000  # entries of several documents written at once

BadPoll = (exc.StatementError, ValueError, TypeError, OverflowError)
"""Errors of one poll's content. An OperationalError says that the database itself is in trouble and ends the batch;
anything else is a bug of ours."""

Visit = tuple[PollWrite, SourceFacts]


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
    visits = [(write, sources[write.source.id]) for write in batch if write.source.id in sources]
    stored = iter([count for part in _parts(visits) for count in saver.documents(part)])
    counts: list[PollCounts] = []
    states: list[dict[str, Any]] = []
    polls: list[dict[str, Any]] = []
    for write in batch:
        source = sources.get(write.source.id)
        if source is None:
            counts.append(PollCounts(error=f"{write.source.id!r} is not in the store: it left the file"))
            continue
        count = next(stored)
        counts.append(count)
        kept = write if count.error is None else _failed(connection, write, source, count)
        counted = {"last_new": count.new, "last_updated": count.updated, "last_unchanged": count.unchanged}
        states.append(state_columns(kept.state) | counted | {"number": source.number, "entries": source.entries})
        counted = {"new": count.new, "updated": count.updated, "unchanged": count.unchanged}
        polls.append(poll_columns(kept.poll, source.number) | counted)
    run_many(connection, _UPDATE_STATE, states)
    # The same source at the same microsecond is the same visit told twice.
    run_many(connection, upsert(connection, POLL, "source", "started_at"), polls)
    if saver.changed:
        now = max(to_us(write.poll.started_at) for write in batch)
        publish_version(connection, saver.version, saver.changed, now)
    return counts


_UPDATE_STATE = (
    update(STATE)
    .where(STATE.c.source == bindparam("number"))
    .values({column.name: bindparam(column.name) for column in STATE.c if column.name != "source"})
)


def _parts(visits: Sequence[Visit]) -> Iterator[list[Visit]]:
    """Cut a batch where a source comes again, which must see what it stored before, and where it grows too large."""
    part: list[Visit] = []
    size = 0
    seen: set[int] = set()
    for write, source in visits:
        entries = len(write.feed.entries) if write.feed else 0
        if part and (source.number in seen or size + entries > TOGETHER):
            yield part
            part, size, seen = [], 0, set()
        part.append((write, source))
        seen.add(source.number)
        size += entries
    if part:
        yield part


def _failed(connection: Connection, write: PollWrite, source: SourceFacts, count: PollCounts) -> PollWrite:
    """The same poll as a failure of storage: what the next visit would ask with is what was stored before."""
    row = connection.execute(select(STATE).where(STATE.c.source == source.number)).mappings().one()
    before = state_from(row, source.id, source.active)
    state = replace(
        write.state,
        validators=before.validators, body_hash=before.body_hash, entries_hash=before.entries_hash,
        last_ok_at=before.last_ok_at, last_full_at=before.last_full_at,
        last_outcome=count.outcome, last_error=count.error, failures=before.failures + 1,
    )  # fmt: skip
    return replace(
        write, state=state, poll=replace(write.poll, outcome=count.outcome or "storage", error=count.error), feed=None
    )


@dataclass(slots=True)
class _Saver:
    connection: Connection
    version: int
    next_number: int
    backfill: int
    known: Candidates
    waiting: bool  # editors' decisions about entries not stored yet
    changed: Changed = field(default_factory=Changed)

    def documents(self, visits: Sequence[Visit]) -> list[PollCounts]:
        """Store the documents of some visits inside a savepoint; an error of one document is in its result.

        All are written together, because a statement for hundreds of rows costs little more than for one. Only when
        that fails is each tried alone, to find the one that cannot be stored.
        """
        if not any(write.feed for write, _ in visits):
            return [PollCounts()] * len(visits)
        first_number = self.next_number
        savepoint = self.connection.begin_nested()
        try:
            counts, changed = self._documents(visits)
        except exc.OperationalError:
            raise
        except Exception as error:  # one document, whatever it does to us, never costs the others their poll
            savepoint.rollback()
            self.next_number = first_number
            if len(visits) > 1:
                return [count for visit in visits for count in self.documents([visit])]
            sentence = f"The entries could not be stored: {type(error).__name__}: {_short(error)}"
            if isinstance(error, BadPoll):
                return [PollCounts(error=sentence, outcome="storage")]
            log.exception("internal", source=visits[0][1].id)
            return [PollCounts(error=sentence, outcome="internal")]
        savepoint.commit()
        self.changed.update(changed)
        for (_, source), count in zip(visits, counts, strict=True):
            source.entries += count.new
        return counts

    def _documents(self, visits: Sequence[Visit]) -> tuple[list[PollCounts], Changed]:
        new: list[New] = []
        edited: list[Edited] = []
        counts: list[PollCounts] = []
        for write, source in visits:
            if write.feed is None:
                counts.append(PollCounts())
                continue
            parts = compare(self.connection, write.feed, source, to_us(write.poll.started_at))
            _announce(parts.new, source, self.backfill)
            new += parts.new
            edited += parts.edited
            shown = sum(one.shown for one in parts.edited)
            counts.append(
                PollCounts(
                    new=len(parts.new),
                    updated=shown,
                    unchanged=parts.unchanged + len(parts.edited) - shown,
                    known=bool(parts.edited or parts.unchanged),
                )
            )
        changed = self._add(new) if new else Changed()
        if edited:
            changed.update(change_entries(self.connection, edited, self.version, self.known))
        return counts, changed

    def _add(self, new: Sequence[New]) -> Changed:
        connection = self.connection
        first = self.next_number
        self.next_number += len(new)
        arrivals = []
        for number, one in enumerate(new, start=first):
            one.columns.update(_own_columns(one, number))
            if one.tagging.relevant or one.source.policy == "all":
                arrivals.append(Arrival(number, one.entry, one.tagging, one.columns["sort_at"], one.source.priority))
        links = link(connection, arrivals, self.known)
        for one in new:
            number = one.columns["number"]
            one.columns["story"] = links.joined.get(number, number)
        run_many(connection, _INSERT_ENTRY, [one.columns for one in new])
        write_reasons(connection, links)
        fulltext.add(connection, first, self.next_number - 1)
        matches = [row for one in new for row in match_columns(one.columns["number"], one.tagging)]
        run_many(connection, _INSERT_MATCH, matches)
        changed = self._place(new, set(links.joined.values()))
        if self.waiting:
            ids = {one.columns["id"]: one.columns["number"] for one in new}
            now = max(one.now for one in new)
            changed.update(adopt(connection, ids, self.version, now))
        return changed

    def _place(self, new: Sequence[New], crowded: set[int]) -> Changed:
        """Give new entries their places; stories that are one new entry alone need no look at what was there."""
        alone = [_member(one) for one in new if one.columns["story"] not in crowded]
        listed = [place_columns(place, self.version) for member in alone for place in places([member])]
        run_many(self.connection, INSERT_PLACE, listed)
        changed = Changed(row["feed"] for row in listed)
        changed.update(relist(self.connection, crowded, self.version))
        return changed


def _own_columns(one: New, number: int) -> dict[str, Any]:
    """What the store itself says of a new entry; the story and ``announced`` come from elsewhere."""
    columns, now = one.columns, one.now
    said = columns["published"] or columns["updated"]
    return {
        "number": number,
        "id": one.entry.id if one.source.salt is None else _salted(one.source, columns["raw_id"]),
        "source": one.source.number,
        "first_seen": now,
        "sort_at": now if said is None or said > now else said,
        "changed_at": now,
        "relevant": one.tagging.relevant,
        "edited": False,
        "kind": one.tagging.kind,
        "tagging": tagging_text(one.tagging),
    }


def change_entries(connection: Connection, edited: Sequence[Edited], version: int, known: Candidates) -> Changed:
    """Overwrite stored entries in place, full text, matches and places with them.

    Id, first seen and announcement stay, and the sort date never moves forward. An entry that is a story alone looks
    for companions again: the edit may have brought the identifier that was missing.
    """
    numbers = [one.row.number for one in edited]
    fulltext.remove(connection, numbers)
    rows: list[dict[str, Any]] = []
    for one in edited:
        columns, row, tagging = one.columns, one.row, one.tagging
        when = columns["published"] or columns["updated"] or row.first_seen
        rows.append(
            columns
            | {
                "at_number": row.number,
                "sort_at": min(row.sort_at, when),
                "changed_at": one.now if one.shown else row.changed_at,
                "relevant": row.relevant if tagging is None else tagging.relevant,
                "kind": row.kind if tagging is None else tagging.kind,
                "tagging": row.tagging if tagging is None else tagging_text(tagging),
            }
        )
    run_many(connection, _UPDATE_ENTRY, rows)
    for number in numbers:
        fulltext.add(connection, number, number)
    tagged = [(one.row.number, one.tagging) for one in edited if one.tagging is not None]
    run_many(connection, _DELETE_MATCHES, [{"at_entry": number} for number, _ in tagged])
    run_many(connection, _INSERT_MATCH, [row for number, tagging in tagged for row in match_columns(number, tagging)])
    links = _link_again(connection, edited, {row["at_number"]: row["sort_at"] for row in rows}, known)
    stories = {one.row.story for one in edited} | set(links.joined.values())
    return relist(connection, stories, version, [one.row.number for one in edited if one.shown])


def _link_again(connection: Connection, edited: Sequence[Edited], sort_at: dict[int, int], known: Candidates) -> Links:
    may = [
        one for one in edited
        if one.shown and one.source is not None and one.tagging is not None and not one.row.edited
        and one.row.story == one.row.number and (one.tagging.relevant or one.source.policy == "all")
    ]  # fmt: skip
    alone = loners(connection, [one.row.number for one in may])
    arrivals = [
        Arrival(one.row.number, one.entry, one.tagging, sort_at[one.row.number], one.source.priority)
        for one in may
        if one.row.number in alone and one.tagging is not None and one.source is not None
    ]
    links = link(connection, arrivals, known) if arrivals else NO_LINKS
    move_entries(connection, links)
    return links


_INSERT_ENTRY = insert(ENTRY)
_INSERT_MATCH = insert(MATCH)
_DELETE_MATCHES = delete(MATCH).where(MATCH.c.entry == bindparam("at_entry"))
_STAYS = {"number", "id", "source", "story", "first_seen", "announced", "edited"}
_UPDATE_ENTRY = (
    update(ENTRY)
    .where(ENTRY.c.number == bindparam("at_number"))
    .values({column.name: bindparam(column.name) for column in ENTRY.c if column.name not in _STAYS})
)


def _member(one: New) -> Member:
    """A new entry as placing sees it: no editor has decided anything about it yet."""
    columns, source = one.columns, one.source
    return Member(
        number=columns["number"],
        story=columns["story"],
        source=source.number,
        priority=source.priority,
        kind=one.tagging.kind,
        language=columns["language"],
        sort_at=columns["sort_at"],
        visible=is_visible(
            active=source.active, relevant=one.tagging.relevant, policy=source.policy,
            announced=columns["announced"], hidden=False, pinned=False, added=False,
        ),
        topics=frozenset(match.topic for match in one.tagging.matches),
        pinned=False,
    )  # fmt: skip


def _announce(new: Sequence[New], source: SourceFacts, backfill: int) -> None:
    """Decide which new entries are announced: all, but of a first document only the newest ``backfill`` that may be
    public.

    Others are announced when they are among the newest of the whole document, for the day a rule finds them relevant.
    Entries without a date count in the order of the document.
    """
    if source.entries:
        for one in new:
            one.columns["announced"] = True
        return
    newest = sorted(new, key=lambda one: -(one.columns["published"] or one.columns["updated"] or 1 << 62))
    eligible = [one for one in newest if one.tagging.relevant or source.policy == "all"]
    public = {id(one) for one in eligible}
    announced = {id(one) for one in eligible[:backfill]}
    announced |= {id(one) for one in newest[:backfill] if id(one) not in public}
    for one in new:
        one.columns["announced"] = id(one) in announced


def _salted(source: SourceFacts, raw_id: str) -> str:
    """The id of an entry of a source whose own id once named another source (ids are never reused)."""
    return str(uuid5(ENTRY_NAMESPACE, f"{source.id}\n{raw_id}\n{source.salt}"))


def _short(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error).splitlines()
    return text[0][:200] if text else ""
