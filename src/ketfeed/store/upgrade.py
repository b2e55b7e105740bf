"""Brings a database to the schema of this ketfeed; alembic is loaded only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ketfeed.errors import StoreError
from ketfeed.store.engine import Database

HEAD = "0003"
"""Newest revision in migrations/versions; a test compares."""

MIGRATIONS = Path(__file__).parent / "migrations"


def current(connection: Connection) -> str | None:
    """The revision a database is at; None when it has no tables of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return revision


def upgrade(database: Database, *, migrate: bool = True) -> None:
    """Migrate to HEAD in one transaction, or check that there is nothing to do.

    Raises StoreError when the database is newer than this ketfeed, or older and ``migrate`` is False.
    """
    with database.read() as connection:
        before = current(connection)
    if before == HEAD:
        return
    if before is not None and before > HEAD:
        raise StoreError(
            f"The database was written by a newer ketfeed (schema {before}, this one knows {HEAD}): "
            f"install that version again, or restore a backup"
        )
    if not migrate:
        raise StoreError(f"The database has schema {before or 'none'}, {HEAD} is needed: start `ketfeed serve` once")
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with database.write() as connection:
        if current(connection) != HEAD:  # another process may have been quicker
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
