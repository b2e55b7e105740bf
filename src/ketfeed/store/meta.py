"""Counters and marks, the store's version among them, and the one statement SQL dialects spell differently."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from ketfeed.store.archive import close_pages
from ketfeed.store.schema import FEED_VERSION, META


def upsert(connection: Connection, table: Table, keys: Sequence[str]) -> Insert:
    """INSERT that overwrites every other column of a row with the same keys."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = make(table)
    given = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=given)


def insert_new(connection: Connection, table: Table) -> Insert:
    """INSERT that leaves a row alone whose key is there already."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return make(table).on_conflict_do_nothing()


def next_version(connection: Connection) -> int:
    """The version the running transaction will become; written by ``publish_version``."""
    return read_number(connection, "version") + 1


def publish_version(connection: Connection, version: int, feeds: Collection[str], now: int) -> None:
    """Make a change visible: the store's version, version and time of every feed that changed, full archive pages."""
    write_meta(connection, "version", str(version))
    if feeds:
        close_pages(connection, feeds, now)
        rows = [{"feed": feed, "version": version, "changed_at": now} for feed in sorted(feeds)]
        connection.execute(upsert(connection, FEED_VERSION, ["feed"]), rows)


def read_meta(connection: Connection, key: str) -> str | None:
    """A mark of ``meta``, None when it was never set."""
    value: str | None = connection.execute(_META, {"wanted": key}).scalar_one_or_none()
    return value


def read_number(connection: Connection, key: str, default: int = 0) -> int:
    value = read_meta(connection, key)
    return default if value is None else int(value)


def write_meta(connection: Connection, key: str, value: str) -> bool:
    """Set a mark; returns whether it was another one before."""
    if read_meta(connection, key) == value:
        return False
    connection.execute(upsert(connection, META, ["key"]), {"key": key, "value": value})
    return True


_META = select(META.c.value).where(META.c.key == bindparam("wanted"))
