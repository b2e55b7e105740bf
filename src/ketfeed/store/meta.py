"""Counters and marks, the store's version among them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sqlalchemy import Connection, bindparam, case, select
from sqlalchemy.sql.dml import Insert

from ketfeed.store.archive import close_pages
from ketfeed.store.schema import FEED_VERSION, META
from ketfeed.store.statements import insert_into, plain_rows, run_many, upsert


def next_version(connection: Connection) -> int:
    """The version the running transaction will become; written by ``publish_version``."""
    return read_number(connection, "version") + 1


def publish_version(connection: Connection, version: int, feeds: Mapping[str, int], now: int) -> None:
    """Make a change visible: the store's version, version, time and size of every feed that changed, full archive
    pages. ``feeds``: feed → places won or lost."""
    write_meta(connection, "version", str(version))
    if feeds:
        run_many(
            connection,
            _grow(connection.dialect.name),
            [
                {"feed": feed, "places": won, "version": version, "changed_at": now}
                for feed, won in sorted(feeds.items())
            ],
        )
        close_pages(connection, feeds, now)


@lru_cache(maxsize=2)
def _grow(dialect: str) -> Insert:
    statement = insert_into(FEED_VERSION, dialect)
    said = statement.excluded
    # A poll may begin before an edit and be stored after it: the time of a change never moves back.
    later = case((said.changed_at > FEED_VERSION.c.changed_at, said.changed_at), else_=FEED_VERSION.c.changed_at)
    return statement.on_conflict_do_update(
        index_elements=["feed"],
        set_={
            "places": FEED_VERSION.c.places + said.places,
            "version": said.version,
            "changed_at": later,
        },
    )


def read_meta(connection: Connection, key: str) -> str | None:
    """A mark of ``meta``, None when it was never set."""
    rows = plain_rows(connection, _META, {"wanted": key})
    return rows[0][0] if rows else None


def read_number(connection: Connection, key: str, default: int = 0) -> int:
    value = read_meta(connection, key)
    return default if value is None else int(value)


def write_meta(connection: Connection, key: str, value: str) -> bool:
    """Set a mark; returns whether it was another one before."""
    if read_meta(connection, key) == value:
        return False
    run_many(connection, upsert(connection, META, "key"), [{"key": key, "value": value}])
    return True


_META = select(META.c.value).where(META.c.key == bindparam("wanted"))
