"""One service per role and store: a second one is refused with a sentence.

SQLite: an advisory lock on ``NAME.ROLE.lock`` beside the file, which the kernel drops when the process ends, however it
ends. PostgreSQL: a session's advisory lock, dropped by the server when the connection ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Literal, get_args
from zlib import crc32

from sqlalchemy import Connection

from ketfeed.errors import StoreError
from ketfeed.store.engine import Database

Role = Literal["service", "poller", "web", "retag"]
ROLES: tuple[Role, ...] = get_args(Role)


class ServiceLock:
    """Held until ``release`` or the end of the process."""

    def __init__(self, file: IO[str] | None, connection: Connection | None) -> None:
        self._file = file
        self._connection = connection

    def outlasts_the_program(self) -> bool:
        """Hold it from now on to the end of the process, also after ``release`` and for another program that takes
        this one's place; False where that cannot be: PostgreSQL's belongs to a connection."""
        if self._file is None:
            return False
        os.set_inheritable(os.dup(self._file.fileno()), True)  # flock(2): held until the last of its descriptors closes
        return True

    def release(self) -> None:
        """Let the next one in; twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def acquire(database: Database, role: Role) -> ServiceLock:
    """Take the role's lock. Raises StoreError, a sentence with the other's process id, when it is taken."""
    if role not in ROLES:
        raise ValueError(f"role is one of {', '.join(ROLES)}, not {role!r}")
    if database.path is not None:
        return _file_lock(database.path, role)
    return _advisory_lock(database, role)


def holder(database: Database, role: Role) -> str | None:
    """Who holds the role now, in words, or None. For ``poll`` beside a running service."""
    try:
        acquire(database, role).release()
    except StoreError as error:
        return str(error)
    return None


def _file_lock(path: Path, role: Role) -> ServiceLock:
    name = path.with_name(f"{path.name}.{role}.lock")
    try:
        file = name.open("a+", encoding="ascii")
    except OSError as error:
        raise StoreError(f"The lock {name} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        process = file.read().strip() or "unknown"
        file.close()
        raise StoreError(
            f"Another {role} (process {process}) already works on {path}: stop it first, "
            f"or give this one its own KETFEED_DATA"
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return ServiceLock(file, None)


def _advisory_lock(database: Database, role: Role) -> ServiceLock:
    connection = database.engine.connect()
    number = crc32(f"ketfeed:{role}".encode())
    taken = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({number})").scalar_one()
    connection.commit()
    if not taken:
        connection.close()
        raise StoreError(f"Another {role} already works on this database: stop it first")
    return ServiceLock(None, connection)
