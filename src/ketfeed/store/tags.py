"""New rules over old entries: hand them out in batches, take the new taggings back, say what changed.

```
marker ─▶ between(after, last) ─▶ (somebody tags) ─▶ retagged ─▶ apply(changes, mark) ─┐
   ▲            any process                                       the one writer     │ one transaction: taggings,
   └──────────────────────────────────────────────────────────────────────────────────┘ stories, places, mark
```
A walk that was interrupted goes on at its mark. Entries polled meanwhile are tagged by the poller with its own rules;
a change of an entry that is another since it was handed out is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, null, select, update

from ketfeed.model import Entry, Source, Tagging
from ketfeed.store import fulltext
from ketfeed.store.codec import TagColumns, entry_from, source_from
from ketfeed.store.comparing import Edited
from ketfeed.store.decisions import UNDECIDED, decided, edits_of
from ketfeed.store.engine import Database
from ketfeed.store.linking import Arrival, Candidates, link, loners, move_entries
from ketfeed.store.meta import next_version, publish_version, read_meta, write_meta
from ketfeed.store.placing import relist
from ketfeed.store.ready import ready
from ketfeed.store.records import Mark, TagChange, Tagged
from ketfeed.store.retagging import Retagged, change_of
from ketfeed.store.saving import change_entries
from ketfeed.store.schema import ENTRY, MATCH, SOURCE
from ketfeed.store.statements import insert_rows, run_many
from ketfeed.store.times import to_us

CHUNK = 400


class Tags:
    """Part of Store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._candidates = Candidates()
        self._sources: dict[int, Source] = {}  # of ``between``

    def batches(self, size: int = 500, after: int = 0) -> Iterator[list[Tagged]]:
        """All entries by number, from the one after ``after`` on; each batch is read when it is asked for."""
        sources: dict[int, Source] = {}
        question = _stored(ENTRY.c.raw).order_by(ENTRY.c.number).limit(size)
        while True:
            with self._database.read() as connection:
                batch = _read(connection, question.where(ENTRY.c.number > after), sources)
            if not batch:
                return
            yield batch
            after = batch[-1].number

    def between(self, after: int, last: int) -> list[Tagged]:
        """The entries with numbers after one and up to another, without their raw fields."""
        question = _stored(null().label("raw")).order_by(ENTRY.c.number)
        with self._database.read() as connection:
            return _read(connection, question.where(ENTRY.c.number > after, ENTRY.c.number <= last), self._sources)

    def last(self) -> int:
        """The highest number of an entry, 0 in an empty store."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(ENTRY.c.number))).scalar_one() or 0

    def count(self, after: int = 0) -> int:
        """How many entries lie after a number."""
        with self._database.read() as connection:
            question = select(func.count()).select_from(ENTRY).where(ENTRY.c.number > after)
            return int(connection.execute(question).scalar_one())

    def apply(self, changes: Sequence[Retagged], now: datetime, mark: Mark | None = None) -> list[TagChange]:
        """Store new taggings; returns what changed, editors' decisions applied, in the order given.

        Feeds follow and ``mark`` is set in the same transaction. Entries that become public look for their story.
        """
        with self._database.write() as connection:
            changed = _apply(connection, changes, to_us(now), self._candidates)
            if mark is not None:
                _write_mark(connection, mark)
        return changed

    def rewrite(
        self, pairs: Sequence[tuple[Tagged, Entry, Tagging | None]], now: datetime, mark: Mark | None = None
    ) -> int:
        """Store entries that were normalised again (Tagging None: keep the old); returns how many really changed."""
        with self._database.write() as connection:
            current = _hashes(connection, [tagged.number for tagged, _, _ in pairs])
            edited = []
            for tagged, entry, tagging in pairs:
                row = current.get(tagged.number)
                if row is None or row.content_hash != tagged.content_hash:
                    continue
                made = ready(entry, tagging, to_us(now))._replace(raw_id=row.raw_id)
                if made.content_hash != row.content_hash:
                    edited.append(Edited(made, row, None, to_us(now)))
            if edited:
                version = next_version(connection)
                changed = change_entries(connection, edited, version, self._candidates)
                publish_version(connection, version, changed, to_us(now))
                fulltext.join(connection)
            if mark is not None:
                _write_mark(connection, mark)
        return len(edited)

    def marker(self, walk: str = "retag") -> Mark | None:
        """How far the last walk of a kind came; None when there was none."""
        with self._database.read() as connection:
            said = read_meta(connection, f"mark:{walk}")
        if said is None:
            return None
        digest, after, done = said.split("\t")
        return Mark(digest=digest, after=int(after), done=done == "done")

    def set_marker(self, mark: Mark) -> None:
        """Note how far a walk came, also ``done`` when it reached the end."""
        with self._database.write() as connection:
            _write_mark(connection, mark)


def _write_mark(connection: Connection, mark: Mark, walk: str = "retag") -> None:
    write_meta(connection, f"mark:{walk}", f"{mark.digest}\t{mark.after}\t{'done' if mark.done else 'open'}")


def _stored(raw: ColumnElement[Any]) -> Select[Any]:
    """What an entry is tagged by, and what is stored of its tagging."""
    return select(
        ENTRY.c.number, ENTRY.c.id, ENTRY.c.source, ENTRY.c.raw_id, ENTRY.c.content_hash, ENTRY.c.published,
        ENTRY.c.updated, ENTRY.c.sort_at, ENTRY.c.relevant, ENTRY.c.kind, ENTRY.c.language, ENTRY.c.title,
        ENTRY.c.link, ENTRY.c.canonical_link, ENTRY.c.excerpt, ENTRY.c.data, ENTRY.c.tagging, ENTRY.c.summary,
        ENTRY.c.text, ENTRY.c.content, raw,
    )  # fmt: skip


def _read(connection: Connection, question: Select[Any], sources: dict[int, Source]) -> list[Tagged]:
    """Entries in the order of their numbers; ``sources`` are those met so far."""
    rows = connection.execute(question).mappings().all()
    if not rows:
        return []
    for number in {row["source"] for row in rows} - sources.keys():
        text = connection.execute(select(SOURCE.c.definition).where(SOURCE.c.number == number)).scalar_one()
        sources[number] = source_from(text)
    matches = _matches(connection, rows[0]["number"], rows[-1]["number"])
    return [
        Tagged(
            number=row["number"],
            entry=entry_from(row, sources[row["source"]].id),
            source=sources[row["source"]],
            tags=TagColumns(bool(row["relevant"]), row["kind"], row["tagging"], tuple(matches.get(row["number"], ()))),
            content_hash=row["content_hash"],
            sort_at=row["sort_at"],
        )
        for row in rows
    ]


def _matches(connection: Connection, first: int, last: int) -> dict[int, list[tuple[str, int, float, str]]]:
    found: dict[int, list[tuple[str, int, float, str]]] = {}
    for number, topic, position, score, reasons in connection.execute(_MATCHES, {"first": first, "last": last}):
        found.setdefault(number, []).append((topic, position, score, reasons))
    return found


_MATCHES = (
    select(MATCH.c.entry, MATCH.c.topic, MATCH.c.position, MATCH.c.score, MATCH.c.reasons)
    .where(MATCH.c.entry >= bindparam("first"), MATCH.c.entry <= bindparam("last"))
    .order_by(MATCH.c.entry, MATCH.c.position)
)


def _hashes(connection: Connection, numbers: Sequence[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for start in range(0, len(numbers), CHUNK):
        rows = connection.execute(_CURRENT, {"numbers": list(numbers[start : start + CHUNK])})
        found.update((row.number, row) for row in rows)
    return found


_CURRENT = (
    select(
        ENTRY.c.number, ENTRY.c.raw_id, ENTRY.c.content_hash, ENTRY.c.story, ENTRY.c.first_seen, ENTRY.c.sort_at,
        ENTRY.c.changed_at, ENTRY.c.relevant, ENTRY.c.kind, ENTRY.c.tagging, ENTRY.c.edited,
        SOURCE.c.relevance.label("policy"), SOURCE.c.priority,
    )
    .join(SOURCE, SOURCE.c.number == ENTRY.c.source)
    .where(ENTRY.c.number.in_(bindparam("numbers", expanding=True)))
)  # fmt: skip


def _apply(connection: Connection, changes: Sequence[Retagged], now: int, known: Candidates) -> list[TagChange]:
    current = _hashes(connection, [one.number for one in changes])
    changes = [one for one in changes if one.number in current and current[one.number].content_hash == one.content_hash]
    if not changes:
        return []
    edits = edits_of(connection, [number for number, row in current.items() if row.edited])
    numbers = [one.number for one in changes]
    run_many(
        connection,
        _RETAG,
        [
            {"at_number": one.number, "now_relevant": one.after.relevant, "now_kind": one.after.kind,
             "now_tagging": one.after.tagging, "now_changed": now}
            for one in changes
        ],
    )  # fmt: skip
    run_many(connection, _DELETE_MATCHES, [{"at_entry": number} for number in numbers])
    insert_rows(connection, MATCH, _MATCH, [(one.number, *match) for one in changes for match in one.after.matches])
    stories = {current[number].story for number in numbers} | _look_for_stories(
        connection, changes, current, now, known
    )
    version = next_version(connection)
    publish_version(connection, version, relist(connection, stories, version, numbers), now)
    told = []
    for one in changes:
        said = decided(edits[one.number]) if one.number in edits else UNDECIDED
        change = change_of(one, said)
        if change is not None:
            told.append(change)
    return told


_RETAG = (
    update(ENTRY)
    .where(ENTRY.c.number == bindparam("at_number"))
    .values(relevant=bindparam("now_relevant"), kind=bindparam("now_kind"), tagging=bindparam("now_tagging"),
            changed_at=bindparam("now_changed"))
)  # fmt: skip
_DELETE_MATCHES = delete(MATCH).where(MATCH.c.entry == bindparam("at_entry"))
_MATCH = ("entry", "topic", "position", "score", "reasons")


def _look_for_stories(
    connection: Connection, changes: Sequence[Retagged], current: Mapping[int, Any], now: int, known: Candidates
) -> set[int]:
    """Entries that may be public only now were never asked for their story; returns the stories they join."""
    newly = [(one, one.clue) for one in changes if one.clue is not None]
    rows = [current[one.number] for one, _ in newly]
    alone = loners(connection, [row.number for row in rows if row.story == row.number and not row.edited])
    arrivals = [
        Arrival(one.number, found, current[one.number].sort_at, now, one.content_hash)
        for one, found in newly
        if one.number in alone
    ]
    links = link(connection, arrivals, known)
    move_entries(connection, links)
    return set(links.joined.values())
