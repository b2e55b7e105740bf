"""save_polls: what some polls brought becomes what the store remembers, in one transaction.

```
batch ─▶ BEGIN IMMEDIATE
         ├─ the documents of all polls together; when one cannot be stored: ROLLBACK, then each in a savepoint
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
from operator import itemgetter
from typing import Any
from uuid import uuid5

import structlog
from sqlalchemy import Connection, bindparam, delete, exc, func, select, update

from ketfeed.model import ENTRY_NAMESPACE
from ketfeed.store import fulltext
from ketfeed.store.codec import poll_columns, state_columns, state_from
from ketfeed.store.comparing import Edited, New, SourceFacts, compare, load_sources
from ketfeed.store.edits import adopt, any_waiting
from ketfeed.store.linking import NO_LINKS, Arrival, Candidates, Links, link, loners, move_entries, write_reasons
from ketfeed.store.listing import Member, is_visible, places
from ketfeed.store.meta import next_version, publish_version, read_number
from ketfeed.store.placing import Changed, add_places, relist
from ketfeed.store.ready import ROW, clue_of
from ketfeed.store.records import PollCounts, PollWrite
from ketfeed.store.schema import ENTRY, MATCH, POLL, STATE
from ketfeed.store.statements import insert_rows, plain_rows, run_many, upsert
from ketfeed.store.times import to_us

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TOGETHER = 3000  # entries of several documents written at once

BadPoll = (exc.StatementError, ValueError, TypeError, OverflowError)
"""Errors of one poll's content. An OperationalError says that the database itself is in trouble and ends the batch;
anything else is a bug of ours."""

Visit = tuple[PollWrite, SourceFacts]


class Unsure(Exception):
    """Some document of a batch cannot be stored, and what was written of the batch is to be rolled back."""


def save(
    connection: Connection, batch: Sequence[PollWrite], known: Candidates, *, one_by_one: bool = False
) -> list[PollCounts]:
    """Write a batch inside the running transaction; one PollCounts per poll, in order.

    one_by_one: each document in a savepoint of its own, so that one that cannot be stored is told from the others.
    Raises Unsure without it.
    """
    sources = load_sources(connection, {write.source.id for write in batch})
    saver = _Saver(
        connection,
        version=next_version(connection),
        next_number=(plain_rows(connection, _LAST, {})[0][0] or 0) + 1,
        backfill=read_number(connection, "backfill", 20),
        waiting=any_waiting(connection),
        known=known,
        one_by_one=one_by_one,
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
        state, poll = state_columns(kept.state), poll_columns(kept.poll, source.number)
        state["number"], state["entries"] = source.number, source.entries
        state["last_new"] = poll["new"] = count.new
        state["last_updated"] = poll["updated"] = count.updated
        state["last_unchanged"] = poll["unchanged"] = count.unchanged
        states.append(state)
        polls.append(poll)
    run_many(connection, _UPDATE_STATE, states)
    # The same source at the same microsecond is the same visit told twice.
    run_many(connection, upsert(connection, POLL, "source", "started_at"), polls)
    if saver.changed:
        now = max(to_us(write.poll.started_at) for write in batch)
        publish_version(connection, saver.version, saver.changed, now)
    return counts


_LAST = select(func.max(ENTRY.c.number))
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
    one_by_one: bool
    changed: Changed = field(default_factory=Changed)

    def documents(self, visits: Sequence[Visit]) -> list[PollCounts]:
        """Store the documents of some visits; when ``one_by_one``, an error of one document is in its result.

        All are written together, because a statement for hundreds of rows costs little more than for one, and without
        a savepoint, because SQLite would keep a copy of every page they touch. Raises Unsure when they cannot be.
        """
        if not any(write.feed for write, _ in visits):
            return [PollCounts()] * len(visits)
        if self.one_by_one:
            return [self._alone(visit) for visit in visits]
        try:
            return self._keep(visits, *self._documents(visits))
        except exc.OperationalError:
            raise
        except Exception as error:  # one document, whatever it does to us, never costs the others their poll
            raise Unsure from error

    def _alone(self, visit: Visit) -> PollCounts:
        """Store one document inside a savepoint."""
        first_number = self.next_number
        savepoint = self.connection.begin_nested()
        try:
            counts, changed = self._documents([visit])
        except exc.OperationalError:
            raise
        except Exception as error:
            savepoint.rollback()
            self.known.forget()
            self.next_number = first_number
            sentence = f"The entries could not be stored: {type(error).__name__}: {_short(error)}"
            if isinstance(error, BadPoll):
                return PollCounts(error=sentence, outcome="storage")
            log.exception("internal", source=visit[1].id)
            return PollCounts(error=sentence, outcome="internal")
        savepoint.commit()
        return self._keep([visit], counts, changed)[0]

    def _keep(self, visits: Sequence[Visit], counts: list[PollCounts], changed: Changed) -> list[PollCounts]:
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
            parts = compare(self.connection, write.feed, source)
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
            one.number = number
            if one.source.salt is not None:
                one.entry = one.entry._replace(id=_salted(one.source, one.entry.raw_id))
            if one.may_show:
                found, entry = clue_of(one.entry, one.source.id), one.entry
                arrivals.append(Arrival(number, found, entry.sort_at, one.now, entry.content_hash))
        links = link(connection, arrivals, self.known)
        for one in new:
            one.story = links.joined.get(one.number, one.number)
        rows = [
            (one.number, one.source.number, one.story, one.now, one.now, one.announced, False, *one.entry[:_WIDTH])
            for one in new
        ]
        insert_rows(connection, ENTRY, _ENTRY_ROW, rows)
        write_reasons(connection, links)
        fulltext.add(connection, [(one.number, *_words(one.entry)) for one in new])
        insert_rows(connection, MATCH, _MATCH_ROW, [(one.number, *match) for one in new for match in one.entry.matches])
        changed = self._place(new, set(links.joined.values()))
        if self.waiting:
            ids = {one.entry.id: one.number for one in new}
            now = max(one.now for one in new)
            changed.update(adopt(connection, ids, self.version, now))
        return changed

    def _place(self, new: Sequence[New], crowded: set[int]) -> Changed:
        """Give new entries their places; stories that are one new entry alone need no look at what was there."""
        alone = [_member(one) for one in new if one.announced and one.may_show and one.story not in crowded]
        fresh = [place for member in alone for place in places([member])]
        add_places(self.connection, [(place, self.version) for place in fresh])
        changed = Changed(place.feed for place in fresh)
        changed.update(relist(self.connection, crowded, self.version))
        return changed


_WIDTH = len(ROW)
_words = itemgetter(*map(ROW.index, fulltext.WORDS))
_ENTRY_ROW = ("number", "source", "story", "first_seen", "changed_at", "announced", "edited", *ROW)
_MATCH_ROW = ("entry", "topic", "position", "score", "reasons")


def change_entries(connection: Connection, edited: Sequence[Edited], version: int, known: Candidates) -> Changed:
    """Overwrite stored entries in place, full text, matches and places with them.

    Id, first seen and announcement stay, and the sort date never moves forward. An entry that is a story alone looks
    for companions again: the edit may have brought the identifier that was missing.
    """
    numbers = [one.row.number for one in edited]
    fulltext.remove(connection, numbers)
    rows: list[dict[str, Any]] = []
    for one in edited:
        entry, row = one.entry, one.row
        when = row.first_seen if entry.said is None else entry.said
        columns = dict(zip(ROW[1:], entry[1:], strict=False))  # the id stays
        columns |= {
            "at_number": row.number,
            "sort_at": min(row.sort_at, when),
            "changed_at": one.now if one.shown else row.changed_at,
        }
        if not entry.tagged:
            columns |= {"relevant": row.relevant, "kind": row.kind, "tagging": row.tagging}
        rows.append(columns)
    run_many(connection, _UPDATE_ENTRY, rows)
    fulltext.add(connection, [(one.row.number, *_words(one.entry)) for one in edited])
    tagged = [one for one in edited if one.entry.tagged]
    run_many(connection, _DELETE_MATCHES, [{"at_entry": one.row.number} for one in tagged])
    matches = [(one.row.number, *match) for one in tagged for match in one.entry.matches]
    insert_rows(connection, MATCH, _MATCH_ROW, matches)
    links = _link_again(connection, edited, {row["at_number"]: row["sort_at"] for row in rows}, known)
    stories = {one.row.story for one in edited} | set(links.joined.values())
    return relist(connection, stories, version, [one.row.number for one in edited if one.shown])


def _link_again(connection: Connection, edited: Sequence[Edited], sort_at: dict[int, int], known: Candidates) -> Links:
    arrivals = []
    alone: set[int] | None = None
    for one in edited:
        entry, row, source = one.entry, one.row, one.source
        may_show = source is not None and entry.tagged and (entry.relevant or source.policy == "all")
        if source is None or not may_show or not one.shown or row.edited or row.story != row.number:
            continue
        if alone is None:
            alone = loners(connection, [other.row.number for other in edited if other.row.story == other.row.number])
        if row.number in alone:
            found, at = clue_of(entry, source.id), sort_at[row.number]
            arrivals.append(Arrival(row.number, found, at, one.now, entry.content_hash))
    links = link(connection, arrivals, known) if arrivals else NO_LINKS
    move_entries(connection, links)
    return links


_DELETE_MATCHES = delete(MATCH).where(MATCH.c.entry == bindparam("at_entry"))
_STAYS = {"number", "id", "source", "story", "first_seen", "announced", "edited"}
_UPDATE_ENTRY = (
    update(ENTRY)
    .where(ENTRY.c.number == bindparam("at_number"))
    .values({column.name: bindparam(column.name) for column in ENTRY.c if column.name not in _STAYS})
)


def _member(one: New) -> Member:
    """A new entry that may be shown, as placing sees it: no editor has decided anything about it yet."""
    entry, source = one.entry, one.source
    return Member(
        number=one.number,
        story=one.story,
        source=source.number,
        priority=source.priority,
        kind=entry.kind,
        language=entry.language,
        sort_at=entry.sort_at,
        visible=is_visible(
            active=source.active, relevant=entry.relevant, policy=source.policy,
            announced=one.announced, hidden=False, pinned=False, added=False,
        ),
        topics=frozenset(topic for topic, *_ in entry.matches),
        pinned=False,
    )  # fmt: skip


def _announce(new: Sequence[New], source: SourceFacts, backfill: int) -> None:
    """Decide which new entries are announced: all, but of a first document only the newest ``backfill`` that may be
    public.

    Others are announced when they are among the newest of the whole document, for the day a rule finds them relevant.
    Entries without a date count in the order of the document.
    """
    if source.entries:
        return
    newest = sorted(new, key=lambda one: -(one.entry.said or 1 << 62))
    left = backfill
    for rank, one in enumerate(newest):
        if one.may_show:
            one.announced = left > 0
            left -= 1
        else:
            one.announced = rank < backfill


def _salted(source: SourceFacts, raw_id: str) -> str:
    """The id of an entry of a source whose own id once named another source (ids are never reused)."""
    return str(uuid5(ENTRY_NAMESPACE, f"{source.id}\n{raw_id}\n{source.salt}"))


def _short(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error).splitlines()
    return text[0][:200] if text else ""
