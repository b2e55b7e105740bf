"""The last good bytes of every feed, and when they last changed, kept over a restart.

A client that asks "has it changed since?" is answered from what it was given before, not from this process's memory:
Last-Modified moves forward with every change of the bytes and never otherwise, and a store that is locked or gone
still leaves something to serve.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

MAX_KEPT = 5_000  # files; the least recently written are removed first
_FORMAT = 2

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes as they were last published."""

    body: bytes
    last_modified: datetime  # whole seconds


class Ledger:
    """Key → bytes and date, in a folder of small files; without a folder, or when it cannot be written, in memory."""

    def __init__(self, folder: Path | None, most: int = MAX_KEPT) -> None:
        self._folder = folder
        self._most = most
        self._dates: OrderedDict[str, tuple[bytes, datetime]] = OrderedDict()  # key → hash of the bytes, date
        self._bodies: dict[str, bytes] = {}  # only what could not be written
        self._lock = threading.Lock()
        self._complained = False

    def get(self, key: str) -> Kept | None:
        """What was last published under this key; None where nothing was, or only its date is kept."""
        with self._lock:
            if key in self._bodies:
                return Kept(self._bodies[key], self._dates[key][1])
            found = self._read(key)
            return None if found is None or found[2] is None else Kept(found[2], found[1])

    def publish(self, key: str, body: bytes, now: datetime, *, keep: bool = True) -> Kept:
        """Take over new bytes; equal ones keep their date, others get a later one than before.

        ``keep`` False: only the date is written, for feeds of which there is no end (queries).
        """
        digest = hashlib.sha256(body).digest()
        with self._lock:
            before = self._dates.get(key)
            if before is None and (found := self._read(key)):
                before = found[:2]
            if before is not None and before[0] == digest:
                self._remember(key, *before)
                return Kept(body, before[1])
            moment = now.astimezone(UTC).replace(microsecond=0)
            if before is not None and moment <= before[1]:
                moment = before[1] + timedelta(seconds=1)
            self._remember(key, digest, moment)
            self._write(key, digest, moment, body if keep else None)
            return Kept(body, moment)

    def _remember(self, key: str, digest: bytes, moment: datetime) -> None:
        self._dates[key] = (digest, moment)
        self._dates.move_to_end(key)
        while len(self._dates) > self._most:
            forgotten, _ = self._dates.popitem(last=False)
            self._bodies.pop(forgotten, None)

    def _path(self, key: str) -> Path | None:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.feed" if self._folder else None

    def _read(self, key: str) -> tuple[bytes, datetime, bytes | None] | None:
        """Hash, date and, where it is kept, body."""
        path = self._path(key)
        try:
            if path is None or not path.is_file():
                return None
            head, _, body = path.read_bytes().partition(b"\n")
            facts = json.loads(head)
            if facts["format"] != _FORMAT or facts["key"] != key:
                return None
            digest, moment = bytes.fromhex(facts["sha256"]), datetime.fromtimestamp(facts["last_modified"], UTC)
            if not facts["body"]:
                return digest, moment, None
            return (digest, moment, body) if hashlib.sha256(body).digest() == digest else None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # half a file, or another version's: as if it were not there

    def _write(self, key: str, digest: bytes, moment: datetime, body: bytes | None) -> None:
        path = self._path(key)
        if path is None:
            if body is not None:
                self._bodies[key] = body
            return
        facts = {
            "format": _FORMAT,
            "key": key,
            "sha256": digest.hex(),
            "last_modified": int(moment.timestamp()),
            "body": body is not None,
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(facts).encode() + b"\n" + (body or b""))
            Path(name).replace(path)
            self._bodies.pop(key, None)
            self._prune(path.parent)
        except OSError as error:
            if body is not None:
                self._bodies[key] = body
            if not self._complained:
                self._complained = True
                _log.warning("published feeds are kept in memory only", action="publish", reason=str(error))

    def _prune(self, folder: Path) -> None:
        if len(self._dates) < self._most:
            return
        files = sorted(folder.glob("*.feed"), key=lambda path: path.stat().st_mtime)
        for path in files[: max(0, len(files) - self._most)]:
            path.unlink(missing_ok=True)
