"""What the store remembers of sources: definition, state, polls, holds of hosts."""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, select, update

from ketfeed.errors import StoreError, UsageError
from ketfeed.model import Catalog, Poll, Source, SourceState
from ketfeed.store.codec import (
    STATE_NAMES,
    poll_from,
    source_from,
    source_text,
    state_columns,
    state_from,
    state_of,
)
from ketfeed.store.engine import Database
from ketfeed.store.meta import next_version, publish_version, write_meta
from ketfeed.store.placing import Changed, relist
from ketfeed.store.schema import ENTRY, HOST_HOLD, LISTING, POLL, SOURCE, SOURCE_NAME, STATE
from ketfeed.store.statements import plain_rows, upsert
from ketfeed.store.times import from_us, to_us

DAY = timedelta(days=1)


SHOWN = ("title", "homepage", "publish", "licence", "language")
"""What feeds and pages show of an entry's source."""


def _columns(source: Source, position: int) -> dict[str, Any]:
    return {
        "id": source.id,
        "active": True,
        "position": position,
        "relevance": source.relevance,
        "priority": source.priority,
        "definition": source_text(source),
    }


class Sources:
    """Part of Store: the rows of sources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sync(self, catalog: Catalog, now: datetime) -> bool:
        """Take over what editors wrote: new sources, changed ones, and those that left the file.

        A source that left is kept with its entries and published no more; one that comes back goes on where it was. A
        changed address drops validators and hashes, because they belong to the old one. A resumed source is due at
        once. Returns whether anything changed.
        """
        with self._database.write() as connection:
            before = {row.id: row for row in connection.execute(select(SOURCE))}
            public: list[int] = []  # sources whose entries may be public now or not any more
            shown: list[int] = []  # sources whose entries show something else about them
            changed = write_meta(connection, "backfill", str(catalog.site.backfill))
            for position, source in enumerate(catalog.sources):
                row = before.get(source.id)
                values = _columns(source, position)
                if row is None:
                    self._add(connection, source, values, now)
                elif all(getattr(row, name) == value for name, value in values.items()):
                    continue
                else:
                    connection.execute(update(SOURCE).where(SOURCE.c.number == row.number).values(values))
                    old = source_from(row.definition)
                    self._follow(connection, row.number, old, source, now)
                    if any(getattr(row, name) != values[name] for name in ("active", "relevance", "priority")):
                        public.append(row.number)
                    if any(getattr(old, name) != getattr(source, name) for name in SHOWN):
                        shown.append(row.number)
                changed = True
            stay = {source.id for source in catalog.sources}
            left = [row.number for row in before.values() if row.active and row.id not in stay]
            if left:
                connection.execute(_LEAVE, [{"left": number} for number in left])
            if changed or left:
                version = next_version(connection)
                feeds = self._relist(connection, [*public, *left], version)
                for number in shown:
                    feeds.update(self._feeds_of(connection, number))
                publish_version(connection, version, feeds, to_us(now))
        return changed or bool(left)

    def _add(self, connection: Connection, source: Source, values: dict[str, Any], now: datetime) -> None:
        """A source that was never there: due at once."""
        number = (connection.execute(select(func.max(SOURCE.c.number))).scalar_one() or 0) + 1
        known = connection.execute(
            select(SOURCE_NAME.c.source).where(SOURCE_NAME.c.id == source.id)
        ).scalar_one_or_none()
        salt = None if known is None else str(number)  # the id was another source's: its entries keep their ids
        connection.execute(insert(SOURCE), {"number": number, "salt": salt, **values})
        fresh = SourceState(
            source_id=source.id, url=source.url, paused=source.paused, next_poll_at=None if source.paused else now,
            next_poll_reason="new source", health="paused" if source.paused else "new", health_since=now,
        )  # fmt: skip
        connection.execute(insert(STATE), {"source": number, **state_columns(fresh)})
        name = {"id": source.id, "source": number, "renamed_at": to_us(now)}
        connection.execute(upsert(connection, SOURCE_NAME, "id"), name)

    def _follow(self, connection: Connection, number: int, old: Source, new: Source, now: datetime) -> None:
        """Let the state follow a changed definition."""
        row = connection.execute(select(STATE).where(STATE.c.source == number)).mappings().one()
        state = before = state_from(row, new.id, active=True)
        if new.url != state.url or new.type != old.type:
            state = replace(
                state, url=new.url, validators=None, body_hash=None, entries_hash=None, gone=False, failures=0,
                moved_to=None, moved_since=None, moved_days=0, searched_at=None, alternative=None, alternative_how="",
                next_poll_at=now, next_poll_reason="new address",
            )  # fmt: skip
        elif (new.page, new.sitemap, new.type) != (old.page, old.sitemap, old.type):
            # The same bytes read by other rules are another document.
            state = replace(
                state, validators=None, body_hash=None, entries_hash=None, next_poll_at=now, next_poll_reason="new rule"
            )
        if new.paused and not state.paused:
            state = replace(state, paused=True, next_poll_at=None, next_poll_reason="paused by an editor")
            state = state.turned("paused", now, state.last_error)
        elif state.paused and not new.paused:
            state = replace(state, paused=False, gone=False, next_poll_at=now, next_poll_reason="resumed")
            state = state.turned("new", now)
        elif new.every != old.every and state.next_poll_at is not None:
            state = replace(state, next_poll_at=now, next_poll_reason="new interval")
        if state.next_poll_at is None and not state.paused and not state.gone:
            state = replace(state, next_poll_at=now, next_poll_reason="back in the file")
        if state != before:
            _write_state(connection, number, state)

    # ------------------------------------------------------------ asking

    def states(self, *, active_only: bool = True) -> list[SourceState]:
        """All sources in file order; those that left the file after them when asked for."""
        question = _STATES.order_by(SOURCE.c.active.desc(), SOURCE.c.position, SOURCE.c.number)
        if active_only:
            question = question.where(SOURCE.c.active)
        with self._database.read() as connection:
            rows = connection.execute(question).mappings().all()
        return [state_from(row, row["id"], bool(row["active"])) for row in rows]

    def state(self, source_id: str) -> SourceState | None:
        """One source, also one that left the file; None when it was never there."""
        with self._database.read() as connection:
            row = connection.execute(_STATES.where(SOURCE.c.id == source_id)).mappings().one_or_none()
        return None if row is None else state_from(row, row["id"], bool(row["active"]))

    def definition(self, source_id: str) -> Source | None:
        """A source as the file last had it; None when it was never there."""
        with self._database.read() as connection:
            text = connection.execute(select(SOURCE.c.definition).where(SOURCE.c.id == source_id)).scalar_one_or_none()
        return None if text is None else source_from(text)

    def due(self, now: datetime, limit: int, *, but: Container[str] = ()) -> list[SourceState]:
        """Sources to poll now, the longest due first; paused, gone and left ones never.

        ``limit``: at most so many are looked at. ``but``: ids of sources that are left out, though they count.
        """
        return [state for _, state in self.due_with_numbers(now, limit, but=but)]

    def due_with_numbers(self, now: datetime, limit: int, *, but: Container[str] = ()) -> list[tuple[int, SourceState]]:
        """As ``due``, each with the number of its source: neighbours by number share pages of the database."""
        with self._database.read() as connection:
            rows = plain_rows(connection, _DUE, {"now": to_us(now), "at_most": limit})
        return [(number, state_of(name, True, values)) for number, name, *values in rows if name not in but]

    def recall(self, now: datetime, latest: datetime) -> int:
        """Make due what would be due only after ``latest``, later than anybody may ask for: a wrong clock wrote that.

        Holds of hosts that end after it are forgotten. Returns how many sources were recalled.
        """
        with self._database.write() as connection:
            connection.execute(delete(HOST_HOLD).where(HOST_HOLD.c.until > to_us(latest)))
            stuck = update(STATE).where(STATE.c.next_poll_at > to_us(latest))
            reason = "its time was set by a wrong clock"
            return connection.execute(stuck.values(next_poll_at=to_us(now), next_poll_reason=reason)).rowcount

    def next_due(self) -> datetime | None:
        """When the next source is due; None when none ever is."""
        with self._database.read() as connection:
            when = connection.execute(
                select(STATE.c.next_poll_at)
                .join(SOURCE, SOURCE.c.number == STATE.c.source)
                .where(STATE.c.next_poll_at.is_not(None), SOURCE.c.active, ~STATE.c.paused, ~STATE.c.gone)
                .order_by(STATE.c.next_poll_at)
                .limit(1)
            ).scalar_one_or_none()
        return None if when is None else from_us(when)

    def polls(self, source_id: str, since: datetime | None = None, limit: int = 1000) -> list[Poll]:
        """Visits of a source, newest first, back to ``since`` (None: as long as they are kept)."""
        question = (
            select(POLL)
            .join(SOURCE, SOURCE.c.number == POLL.c.source)
            .where(SOURCE.c.id == source_id)
            .order_by(POLL.c.started_at.desc())
            .limit(limit)
        )
        if since is not None:
            question = question.where(POLL.c.started_at >= to_us(since))
        with self._database.read() as connection:
            return [poll_from(row, source_id) for row in connection.execute(question).mappings()]

    # ------------------------------------------------------------ changing

    def mark_due(self, ids: Collection[str], now: datetime) -> list[str]:
        """Make sources due at once, "poll now". Paused and gone ones stay away. Returns the ids that are due."""
        with self._database.write() as connection:
            numbers = _numbers(connection, ids)
            rows = connection.execute(
                select(STATE.c.source, STATE.c.paused, STATE.c.gone, SOURCE.c.active).join(
                    SOURCE, SOURCE.c.number == STATE.c.source
                )
            ).all()
            free = {row.source for row in rows if row.active and not row.paused and not row.gone}
            due = {name: number for name, number in numbers.items() if number in free}
            if due:
                connection.execute(
                    update(STATE)
                    .where(STATE.c.source == bindparam("number"))
                    .values(next_poll_at=to_us(now), next_poll_reason="asked for"),
                    [{"number": number} for number in due.values()],
                )
        return sorted(due)

    def resume(self, source_id: str, now: datetime) -> None:
        """Poll a gone source again, at once. Raises StoreError when it was never there."""
        with self._database.write() as connection:
            number = _number(connection, source_id)
            connection.execute(
                update(STATE)
                .where(STATE.c.source == number)
                .values(gone=False, failures=0, next_poll_at=to_us(now), next_poll_reason="resumed")
            )

    def rename(self, old: str, new: str, now: datetime) -> None:
        """Give a source another id; its entries, their ids, polls and state stay.

        Raises UsageError when ``old`` is unknown or ``new`` is another source's.
        """
        with self._database.write() as connection:
            rows = {row.id: row for row in connection.execute(select(SOURCE).where(SOURCE.c.id.in_([old, new])))}
            if old not in rows:
                raise UsageError(f"{old!r} is no source here")
            if new in rows and new != old:
                # A service that saw the changed file first has made a source of the new id: nothing is lost with it
                # as long as it brought nothing.
                if _has_entries(connection, rows[new].number):
                    raise UsageError(f"{new!r} is another source with a history of its own; choose another id")
                _erase(connection, rows[new].number)
            row = rows[old]
            active = row.active or (new in rows and bool(rows[new].active))
            definition = source_text(replace(source_from(row.definition), id=new))
            values = {"id": new, "definition": definition, "active": active}
            connection.execute(update(SOURCE).where(SOURCE.c.number == row.number).values(values))
            given = {"id": new, "source": row.number, "renamed_at": to_us(now)}
            connection.execute(upsert(connection, SOURCE_NAME, "id"), given)
            version = next_version(connection)
            feeds = self._feeds_of(connection, row.number)
            if active and not row.active:
                feeds.update(self._relist(connection, [row.number], version))
            publish_version(connection, version, feeds, to_us(now))

    def _relist(self, connection: Connection, numbers: Collection[int], version: int) -> Changed:
        """Place every story of some sources anew."""
        feeds = Changed()
        for number in numbers:
            stories = connection.execute(select(ENTRY.c.story).where(ENTRY.c.source == number).distinct())
            feeds.update(relist(connection, set(stories.scalars()), version))
        return feeds

    def _feeds_of(self, connection: Connection, number: int) -> Changed:
        """The feeds that show an entry of a source."""
        question = select(LISTING.c.feed).where(LISTING.c.source == number).distinct()
        return Changed(dict.fromkeys(connection.execute(question).scalars(), 0))

    # ------------------------------------------------------------ hosts

    def holds(self) -> dict[str, datetime]:
        """Until when hosts asked not to be visited; ended holds may be among them."""
        with self._database.read() as connection:
            return {row.host: from_us(row.until) for row in connection.execute(select(HOST_HOLD))}

    def hold(self, host: str, until: datetime) -> None:
        """Remember that a host asked for peace; a longer hold is not shortened."""
        with self._database.write() as connection:
            known = connection.execute(select(HOST_HOLD.c.until).where(HOST_HOLD.c.host == host)).scalar_one_or_none()
            if known is None or known < to_us(until):
                connection.execute(upsert(connection, HOST_HOLD, "host"), {"host": host, "until": to_us(until)})

    def release(self, now: datetime) -> None:
        """Forget holds that have ended."""
        with self._database.write() as connection:
            connection.execute(delete(HOST_HOLD).where(HOST_HOLD.c.until <= to_us(now)))

    # ------------------------------------------------------------ forgetting

    def forget_polls(self, now: datetime, keep_days: int) -> int:
        """Remove records of polls older than ``keep_days`` days; returns how many."""
        before = to_us(now - keep_days * DAY)
        with self._database.write() as connection:
            numbers = connection.execute(select(SOURCE.c.number)).scalars().all()
            if not numbers:
                return 0
            # Rows are clustered by source: each removes one end of one range.
            old = delete(POLL).where(POLL.c.source == bindparam("at_source"), POLL.c.started_at < before)
            return connection.execute(old, [{"at_source": number} for number in numbers]).rowcount


_LEAVE = update(SOURCE).where(SOURCE.c.number == bindparam("left")).values(active=False)
_STATES = select(STATE, SOURCE.c.id, SOURCE.c.active).join(SOURCE, SOURCE.c.number == STATE.c.source)


_DUE = (
    select(SOURCE.c.number, SOURCE.c.id, *(STATE.c[name] for name in STATE_NAMES))
    .join(SOURCE, SOURCE.c.number == STATE.c.source)
    .where(STATE.c.next_poll_at <= bindparam("now"), SOURCE.c.active, ~STATE.c.paused, ~STATE.c.gone)
    .order_by(STATE.c.next_poll_at, STATE.c.source)
    .limit(bindparam("at_most", type_=Integer))
)


def _write_state(connection: Connection, number: int, state: SourceState) -> None:
    connection.execute(update(STATE).where(STATE.c.source == number).values(state_columns(state)))


def _has_entries(connection: Connection, number: int) -> bool:
    return connection.execute(select(ENTRY.c.number).where(ENTRY.c.source == number).limit(1)).first() is not None


def _erase(connection: Connection, number: int) -> None:
    """Remove a source that never brought an entry."""
    for table in (POLL, STATE, SOURCE_NAME):
        connection.execute(delete(table).where(table.c.source == number))
    connection.execute(delete(SOURCE).where(SOURCE.c.number == number))


def _numbers(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    rows = connection.execute(select(SOURCE.c.id, SOURCE.c.number))
    return {name: number for name, number in rows if name in ids}


def _number(connection: Connection, source_id: str) -> int:
    number: int | None = connection.execute(
        select(SOURCE.c.number).where(SOURCE.c.id == source_id)
    ).scalar_one_or_none()
    if number is None:
        raise StoreError(f"{source_id!r} is no source here")
    return number
