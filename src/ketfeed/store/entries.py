"""Entries: saving what polls brought, reading back what feeds and pages show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from ketfeed.errors import StorageFailed, StoreError
from ketfeed.model import FeedQuery
from ketfeed.store import fulltext, saving
from ketfeed.store.archive import count_open, last_closed, page_entries
from ketfeed.store.engine import Database
from ketfeed.store.finding import find_number, find_story
from ketfeed.store.linking import Candidates
from ketfeed.store.reading import read_entries
from ketfeed.store.records import FeedVersion, PollCounts, PollWrite, Standing, StoredEntry
from ketfeed.store.schema import ENTRY, FEED_VERSION
from ketfeed.store.selecting import plan, select_numbers, source_numbers, standings
from ketfeed.store.times import from_us


class Entries:
    """Part of Store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._candidates = Candidates()

    def save_polls(self, batch: Sequence[PollWrite]) -> list[PollCounts]:
        """Store what some polls brought, in one transaction; one PollCounts per poll, in the order given.

        A poll whose content cannot be stored has ``error`` set and is recorded with the outcome ``storage``; its
        entries, validators and hashes stay as they were and the other polls are stored. Raises StorageFailed when the
        database itself refuses (locked, disk full): then nothing of the batch is stored.
        """
        if not batch:
            return []
        try:
            try:
                with self._database.write() as connection:
                    return saving.save(connection, batch, self._candidates)
            except saving.Unsure:
                self._candidates.forget()
                with self._database.write() as connection:
                    return saving.save(connection, batch, self._candidates, one_by_one=True)
        except StoreError as error:
            self._candidates.forget()
            raise StorageFailed(str(error)) from error

    def join_index(self) -> bool:
        """Bring the search index a little further towards one piece; False: it needs nothing. Raises StoreError."""
        with self._database.write() as connection:
            return fulltext.join(connection)

    def get(self, entry: str) -> StoredEntry:
        """An entry by its id or the beginning of it (at least 4 characters).

        Raises StoreError, a sentence, when there is none or more than one.
        """
        with self._database.read() as connection:
            return read_entries(connection, [find_number(connection, entry)])[0]

    def find(self, entry_id: str) -> StoredEntry | None:
        """An entry by its full id; None when it is not here."""
        with self._database.read() as connection:
            found = select(ENTRY.c.number).where(ENTRY.c.id == entry_id)
            number = connection.execute(found).scalar_one_or_none()
            return None if number is None else read_entries(connection, [number])[0]

    def select(
        self,
        query: FeedQuery,
        *,
        max_per_source: int | None = 15,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[StoredEntry]:
        """A feed's entries: public ones, one per story, newest first by sort date, at most ``query.limit``.

        ``max_per_source`` None or a query for one source: no cap. ``since``: from this sort date on; ``until``: before
        it. The sort date of a story is its earliest member's.
        """
        cap = None if len(query.sources) == 1 else max_per_source
        with self._database.read() as connection:
            numbers = select_numbers(connection, query, max_per_source=cap, since=since, until=until)
            return read_entries(connection, numbers)

    def story(self, story: str) -> list[StoredEntry]:
        """The visible members of a story, the primary first, by the story's id or any member's; empty if unknown."""
        with self._database.read() as connection:
            found = find_story(connection, story)
            if found is None:
                return []
            members = connection.execute(select(ENTRY.c.number).where(ENTRY.c.story == found)).scalars().all()
            entries = [one for one in read_entries(connection, members) if one.visible]
        return sorted(entries, key=lambda one: (not one.primary, one.sort_at, one.number))

    def search(self, words: str, limit: int = 20, *, public: bool = False) -> list[StoredEntry]:
        """Entries that say the words, newest first; empty when nothing was asked. Never raises for what is typed.

        ``public``: only entries that stand in feeds. See ``fulltext.understand`` for phrases, ``-word`` and ``begin*``.
        """
        asked = fulltext.understand(words)
        if asked.empty:
            return []
        with self._database.read() as connection:
            return read_entries(connection, fulltext.newest(connection, asked, limit, public))

    def archive(self, query: FeedQuery) -> tuple[int, int]:
        """(closed pages, entries on the open page after them) of a topic's or the whole site's history.

        Closed pages are numbered from 1, the oldest, and stay as they are. (0, 0) for feeds without an archive.
        """
        with self._database.read() as connection:
            feed = plan(query, source_numbers(connection)).single
            if feed is None:
                return 0, 0
            return last_closed(connection, feed)[0], count_open(connection, feed)

    def archive_page(self, query: FeedQuery, page: int) -> list[StoredEntry]:
        """A page of history, newest first; the page after the last closed one is open. Empty: there is no such page.

        Entries that an editor hid, or whose source left the file, are not ``visible`` any more and left out.
        """
        with self._database.read() as connection:
            feed = plan(query, source_numbers(connection)).single
            numbers = [] if feed is None else page_entries(connection, feed, page)
            return [one for one in read_entries(connection, numbers) if one.visible]

    def standings(self, entry_id: str) -> list[Standing]:
        """In which feeds an entry's story stands, under which entry and how far from the top; empty: in none."""
        with self._database.read() as connection:
            story = find_story(connection, entry_id)
            return [] if story is None else standings(connection, story)

    def count(self) -> int:
        """How many entries are stored, public or not."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(ENTRY)).scalar_one())

    def counts(self) -> dict[str, dict[str, int]]:
        """How many stories stand in feeds: ``{"all": {"": n}, "topic": {id: n}, "kind": {..}, "source": {id: n}}``."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(FEED_VERSION.c.feed, FEED_VERSION.c.places).where(FEED_VERSION.c.places > 0)
            ).all()
            names = {number: name for name, number in source_numbers(connection).items()}
        found: dict[str, dict[str, int]] = defaultdict(dict, {"all": {"": 0}, "topic": {}, "kind": {}, "source": {}})
        words = {"t": "topic", "k": "kind", "p": "pinned", "u": "untagged", "all": "all"}
        for feed, number in rows:
            head, _, rest = feed.partition(":")
            if head == "s":
                found["source"][names[int(rest)]] = number
            else:
                found[words[head]][rest] = number
        return dict(found)

    def feed_version(self, query: FeedQuery) -> FeedVersion | None:
        """When a feed last showed something else; None for a query over more than one listing feed."""
        with self._database.read() as connection:
            feed = plan(query, source_numbers(connection)).single
            if feed is None:
                return None
            row = connection.execute(select(FEED_VERSION).where(FEED_VERSION.c.feed == feed)).one_or_none()
        return None if row is None else FeedVersion(version=row.version, changed_at=from_us(row.changed_at))

    def feed_versions(self) -> dict[str, FeedVersion]:
        """All listing feeds (``all``, ``t:TOPIC``, ``k:KIND``, ``s:NUMBER``, ``p``, ``u``) that ever had a place."""
        with self._database.read() as connection:
            rows = connection.execute(select(FEED_VERSION)).all()
        return {row.feed: FeedVersion(version=row.version, changed_at=from_us(row.changed_at)) for row in rows}
