"""Store: the one door to the database, one per process, safe to use from several threads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ketfeed.errors import StoreError
from ketfeed.store import lock
from ketfeed.store.edits import Edits
from ketfeed.store.engine import Database
from ketfeed.store.entries import Entries
from ketfeed.store.lock import Role, ServiceLock
from ketfeed.store.meta import read_number
from ketfeed.store.records import StoredEntry
from ketfeed.store.sources import Sources
from ketfeed.store.statistics import Statistics
from ketfeed.store.tags import Tags
from ketfeed.store.upgrade import upgrade


class Store:
    """Everything that is remembered. Synchronous: asyncio code calls it through ``asyncio.to_thread``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._locks: list[ServiceLock] = []
        self.sources = Sources(database)
        self.entries = Entries(database)
        self.edits = Edits(database)
        self.tags = Tags(database)
        self.statistics = Statistics(database)

    @classmethod
    def open(cls, url: str, *, migrate: bool = True) -> Self:
        """Open a store by its SQLAlchemy address, making or migrating the database when ``migrate``.

        Raises StoreError when it cannot be opened, is damaged, or was written by a newer ketfeed.
        """
        database = Database(url)
        try:
            upgrade(database, migrate=migrate)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Let go of locks and connections."""
        for held in self._locks:
            held.release()
        self._locks.clear()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The address it was opened by, password included: what another process opens it by."""
        return self._database.url.render_as_string(hide_password=False)

    def version(self) -> int:
        """A number that grows with every change visible in feeds; one indexed read."""
        with self._database.read() as connection:
            return read_number(connection, "version")

    def lock(self, role: Role) -> ServiceLock:
        """Be the only one of a role until ``release``, ``close`` or the end of the process.

        Raises StoreError, a sentence for a person, when another process is.
        """
        held = lock.acquire(self._database, role)
        self._locks.append(held)
        return held

    def lock_holder(self, role: Role) -> str | None:
        """Who holds a role now, as a sentence; None when nobody does."""
        return lock.holder(self._database, role)

    def backup(self, path: Path) -> None:
        """Write a whole, compact copy of the database to a file while everything goes on.

        The file appears complete or not at all; one of that name is replaced. SQLite only: on PostgreSQL use pg_dump.
        Raises StoreError.
        """
        if self._database.path is None:
            raise StoreError("This store is on PostgreSQL: back it up with pg_dump")
        half = path.with_name(f".{path.name}.half")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            half.unlink(missing_ok=True)
            with self._database.read() as connection:
                connection.exec_driver_sql("COMMIT")  # VACUUM stands outside a transaction
                connection.exec_driver_sql("VACUUM INTO ?", (str(half),))
                connection.exec_driver_sql("BEGIN")
            with half.open("rb") as stream:
                os.fsync(stream.fileno())
            half.replace(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from error
        finally:
            with suppress(OSError):
                half.unlink()

    def search(self, words: str, limit: int = 20, *, public: bool = False) -> list[StoredEntry]:
        """Entries that say the words, newest first; see ``Entries.search``."""
        return self.entries.search(words, limit, public=public)
