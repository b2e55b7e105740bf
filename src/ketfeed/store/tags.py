"""New rules over old entries: hand them out in batches, take the new taggings back, say what changed.

```
marker ─▶ batches(after) ─▶ (somebody tags) ─▶ apply(pairs, mark) ─┐
   ▲                                                              │ one transaction: taggings, stories, places, mark
   └──────────────────────────────────────────────────────────────┘
```
A walk that was interrupted goes on at its mark. Entries polled meanwhile are tagged by the poller with its own rules;
a pair whose entry changed since it was handed out is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from ketfeed.model import Entry, Source, Tagging
from ketfeed.store.codec import entry_from, match_columns, source_from, tagging_from, tagging_text
from ketfeed.store.comparing import Edited
from ketfeed.store.decisions import UNDECIDED, decided, edits_of, overrule
from ketfeed.store.engine import Database
from ketfeed.store.keys import clue
from ketfeed.store.linking import Arrival, Candidates, link, loners, move_entries
from ketfeed.store.meta import next_version, publish_version, read_meta, write_meta
from ketfeed.store.placing import relist
from ketfeed.store.ready import ready
from ketfeed.store.records import Mark, TagChange, Tagged
from ketfeed.store.saving import change_entries
from ketfeed.store.schema import ENTRY, MATCH, SOURCE
from ketfeed.store.times import to_us

CHUNK = 400


class Tags:
    """Part of Store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._candidates = Candidates()

    def batches(self, size: int = 500, after: int = 0) -> Iterator[list[Tagged]]:
        """All entries by number, from the one after ``after`` on; each batch is read when it is asked for."""
        sources: dict[int, Source] = {}
        while True:
            with self._database.read() as connection:
                batch = _read(connection, after, size, sources)
            if not batch:
                return
            yield batch
            after = batch[-1].number

    def count(self, after: int = 0) -> int:
        """How many entries lie after a number."""
        with self._database.read() as connection:
            question = select(func.count()).select_from(ENTRY).where(ENTRY.c.number > after)
            return int(connection.execute(question).scalar_one())

    def apply(
        self, pairs: Sequence[tuple[Tagged, Tagging]], now: datetime, mark: Mark | None = None
    ) -> list[TagChange]:
        """Store new taggings; returns what changed, editors' decisions applied, in the order given.

        Feeds follow and ``mark`` is set in the same transaction. Entries that become public look for their story.
        """
        with self._database.write() as connection:
            changes = _apply(connection, pairs, to_us(now), self._candidates)
            if mark is not None:
                _write_mark(connection, mark)
        return changes

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


def _read(connection: Connection, after: int, size: int, sources: dict[int, Source]) -> list[Tagged]:
    rows = (
        connection.execute(select(ENTRY).where(ENTRY.c.number > after).order_by(ENTRY.c.number).limit(size))
        .mappings()
        .all()
    )
    if not rows:
        return []
    for number in {row["source"] for row in rows} - sources.keys():
        text = connection.execute(select(SOURCE.c.definition).where(SOURCE.c.number == number)).scalar_one()
        sources[number] = source_from(text)
    matches = _matches(connection, [row["number"] for row in rows])
    return [
        Tagged(
            number=row["number"],
            entry=entry_from(row, sources[row["source"]].id),
            source=sources[row["source"]],
            tagging=tagging_from(row, matches[row["number"]]),
            content_hash=row["content_hash"],
        )
        for row in rows
    ]


def _matches(connection: Connection, numbers: Sequence[int]) -> defaultdict[int, list[Mapping[Any, Any]]]:
    found: defaultdict[int, list[Mapping[Any, Any]]] = defaultdict(list)
    for start in range(0, len(numbers), CHUNK):
        rows = connection.execute(select(MATCH).where(MATCH.c.entry.in_(numbers[start : start + CHUNK])))
        for row in rows.mappings():
            found[row["entry"]].append(row)
    return found


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


def _apply(
    connection: Connection, pairs: Sequence[tuple[Tagged, Tagging]], now: int, known: Candidates
) -> list[TagChange]:
    pairs = [(tagged, tagging) for tagged, tagging in pairs if tagging != tagged.tagging]
    current = _hashes(connection, [tagged.number for tagged, _ in pairs])
    pairs = [
        (tagged, tagging)
        for tagged, tagging in pairs
        if tagged.number in current and current[tagged.number].content_hash == tagged.content_hash
    ]
    if not pairs:
        return []
    edits = edits_of(connection, [number for number, row in current.items() if row.edited])
    numbers = [tagged.number for tagged, _ in pairs]
    connection.execute(
        update(ENTRY)
        .where(ENTRY.c.number == bindparam("at_number"))
        .values(relevant=bindparam("now_relevant"), kind=bindparam("now_kind"), tagging=bindparam("now_tagging"),
                changed_at=bindparam("now_changed")),
        [
            {
                "at_number": tagged.number, "now_relevant": tagging.relevant, "now_kind": tagging.kind,
                "now_tagging": tagging_text(tagging), "now_changed": now,
            }
            for tagged, tagging in pairs
        ],
    )  # fmt: skip
    connection.execute(
        delete(MATCH).where(MATCH.c.entry == bindparam("at_entry")), [{"at_entry": number} for number in numbers]
    )
    matches = [row for tagged, tagging in pairs for row in match_columns(tagged.number, tagging)]
    if matches:
        connection.execute(insert(MATCH), matches)
    stories = {current[number].story for number in numbers} | _look_for_stories(connection, pairs, current, now, known)
    version = next_version(connection)
    publish_version(connection, version, relist(connection, stories, version, numbers), now)
    changes = []
    for tagged, tagging in pairs:
        said = decided(edits[tagged.number]) if tagged.number in edits else UNDECIDED
        change = difference(tagged, overrule(tagged.tagging, said), overrule(tagging, said))
        if change is not None:
            changes.append(change)
    return changes


def _look_for_stories(
    connection: Connection,
    pairs: Sequence[tuple[Tagged, Tagging]],
    current: Mapping[int, Any],
    now: int,
    known: Candidates,
) -> set[int]:
    """Entries that may be public only now were never asked for their story; returns the stories they join."""
    alone = loners(connection, [number for number, row in current.items() if row.story == number and not row.edited])
    arrivals = []
    for tagged, tagging in pairs:
        row = current[tagged.number]
        newly = tagging.relevant and not tagged.tagging.relevant and row.policy != "all"
        if newly and tagged.number in alone:
            found = clue(tagged.entry, tagging, row.sort_at)
            arrivals.append(Arrival(tagged.number, found, row.sort_at, now, tagged.content_hash))
    links = link(connection, arrivals, known)
    move_entries(connection, links)
    return set(links.joined.values())


def difference(tagged: Tagged, before: Tagging, after: Tagging) -> TagChange | None:
    """What a reader would call a change between two taggings; None when only reasons moved. Pure."""
    had = {match.topic for match in before.matches}
    has = {match.topic for match in after.matches}
    if had == has and before.relevant == after.relevant and before.kind == after.kind:
        return None
    return TagChange(
        id=tagged.entry.id,
        title=tagged.entry.title,
        link=tagged.entry.link,
        source_id=tagged.source.id,
        added=tuple(match.topic for match in after.matches if match.topic not in had),
        removed=tuple(match.topic for match in before.matches if match.topic not in has),
        relevant=after.relevant if before.relevant != after.relevant else None,
        kind=(before.kind, after.kind) if before.kind != after.kind else None,
    )
