"""The one owner of database connections: how SQLite is set up, who may write, what an error says.

Readers never wait for the writer (WAL); writers stand in line: a lock inside this process, SQLite's own lock between
processes. Every error of the database leaves here as StoreError, a sentence that says what to do.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection

from ketfeed.errors import StoreError

BUSY_SECONDS = 15.0  # how long a writer waits for the writer of another process
CACHE_KIB = 2 * 1024  # pages of the database kept in memory per connection; 4 MiB and more were not faster, only larger


class Database:
    """An engine with rules: ``read()`` sees one consistent state, ``write()`` is one transaction of one writer."""

    def __init__(self, url: str) -> None:
        """Prepare connections to a SQLAlchemy address; SQLite needs a file, whose folder is made when missing.

        Raises StoreError when the address cannot be used.
        """
        try:
            parsed = make_url(url)
        except exc.ArgumentError as error:
            raise StoreError(f"{url!r} is not a database address; write one like sqlite:///data/ketfeed.db") from error
        self.url = parsed
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self.path: Path | None = None
        if self.sqlite:
            if not parsed.database or parsed.database == ":memory:":
                raise StoreError("ketfeed keeps its store in a file: write sqlite:///data/ketfeed.db")
            self.path = Path(parsed.database)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"The folder of the database cannot be made: {error}") from error
        self._writer = threading.RLock()
        try:
            self.engine = _engine(url, self.sqlite)
        except (ImportError, exc.ArgumentError) as error:
            raise StoreError(f"The database {parsed.render_as_string()} has no driver here: {error}") from error

    def close(self) -> None:
        """Close every connection; SQLite folds its log into the file when it was the last."""
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading: all statements see the same state. Raises StoreError."""
        with self.translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed when the block ends, rolled back when it raises. Raises StoreError."""
        with self._writer, self.translated(), self.engine.connect() as connection:
            writer = connection.execution_options(ketfeed_write=True)
            with writer.begin():
                yield writer

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the errors of the database into StoreError."""
        try:
            yield
        except exc.DBAPIError as error:
            raise StoreError(_sentence(error, self.path)) from error
        except exc.TimeoutError as error:
            raise StoreError("Too many readers of the database at once; try again in a moment") from error
        except sqlite3.Error as error:
            raise StoreError(_sentence(error, self.path)) from error


def _engine(url: str, sqlite: bool) -> Engine:
    if not sqlite:
        engine = create_engine(url, pool_pre_ping=True)
        event.listen(engine, "begin", _begin_postgresql)
        return engine
    engine = create_engine(url, pool_size=8, max_overflow=32, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the module would wait until the first change
    cursor = connection.cursor()
    try:
        for pragma in (
            "page_size=8192",  # of a new file: larger texts overflow less often; 4096 cost 0.1-0.2 ms a feed more
            "journal_mode=WAL",
            "synchronous=FULL",  # a commit is on the disk when it returns: validators never outlive their entries
            "foreign_keys=ON",
            f"busy_timeout={int(BUSY_SECONDS * 1000)}",
            f"cache_size=-{CACHE_KIB}",
            "temp_store=MEMORY",
            "secure_delete=FAST",  # freed pages are not written only to be zeroed; 3-6 % fewer writes
            "journal_size_limit=67108864",  # 64 MiB: the log shrinks again after a large transaction
        ):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a transaction that reads first and writes later could otherwise find
    # another writer in between and fail without a way to retry.
    write = connection.get_execution_options().get("ketfeed_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


WRITER_LOCK = 0x6B657466  # "ketf": PostgreSQL advisory lock of the transaction that writes


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("ketfeed_write"):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def _sentence(error: Exception, path: Path | None) -> str:
    """What went wrong and what to do, for a person."""
    where = str(path) if path else "the database"
    said = str(getattr(error, "orig", None) or error)
    low = said.lower()
    if "locked" in low or "busy" in low:
        return f"{where} is locked by another program for more than {BUSY_SECONDS:.0f} s; stop it and try again"
    if "full" in low:
        return f"The disk of {where} is full: free some space, nothing was changed"
    if "readonly" in low or "read-only" in low:
        return f"{where} cannot be written: give this user the right to write the file and its folder"
    if "not a database" in low or "malformed" in low:
        return f"{where} is damaged or not a ketfeed database ({said}): restore a backup"
    if "unable to open" in low:
        return f"{where} cannot be opened: check that the folder exists and may be written ({said})"
    return f"The database refused: {said}"
