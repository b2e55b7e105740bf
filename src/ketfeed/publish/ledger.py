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
_FORMAT = 1

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes as they were last published."""

    body: bytes
    last_modified: datetime  # whole seconds


class Ledger:
    """Key → bytes and date, in a folder of small files; without a folder, or when it cannot be written, in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._dates: OrderedDict[str, tuple[bytes, datetime]] = OrderedDict()  # key → hash of the bytes, date
        self._bodies: dict[str, bytes] = {}  # only what could not be written
        self._lock = threading.Lock()
        self._complained = False

    def get(self, key: str) -> Kept | None:
        """What was last published under this key, or None."""
        with self._lock:
            return self._read(key)

    def publish(self, key: str, body: bytes, now: datetime) -> Kept:
        """Take over new bytes; equal ones keep their date, others get a later one than before."""
        digest = hashlib.sha256(body).digest()
        with self._lock:
            before = self._dates.get(key)
            if before is None and (kept := self._read(key)):
                before = (hashlib.sha256(kept.body).digest(), kept.last_modified)
            if before is not None and before[0] == digest:
                self._remember(key, *before)
                return Kept(body, before[1])
            moment = now.astimezone(UTC).replace(microsecond=0)
            if before is not None and moment <= before[1]:
                moment = before[1] + timedelta(seconds=1)
            self._remember(key, digest, moment)
            self._write(key, Kept(body, moment))
            return Kept(body, moment)

    def _remember(self, key: str, digest: bytes, moment: datetime) -> None:
        self._dates[key] = (digest, moment)
        self._dates.move_to_end(key)
        while len(self._dates) > MAX_KEPT:
            forgotten, _ = self._dates.popitem(last=False)
            self._bodies.pop(forgotten, None)

    def _path(self, key: str) -> Path | None:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.feed" if self._folder else None

    def _read(self, key: str) -> Kept | None:
        path = self._path(key)
        if key in self._bodies:
            return Kept(self._bodies[key], self._dates[key][1])
        try:
            if path is None or not path.is_file():
                return None
            head, _, body = path.read_bytes().partition(b"\n")
            facts = json.loads(head)
            if facts["format"] != _FORMAT or facts["key"] != key or facts["bytes"] != len(body):
                return None
            return Kept(body, datetime.fromtimestamp(facts["last_modified"], UTC))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # half a file, or another version's: as if it were not there

    def _write(self, key: str, kept: Kept) -> None:
        path = self._path(key)
        if path is None:
            self._bodies[key] = kept.body
            return
        facts = {
            "format": _FORMAT,
            "key": key,
            "bytes": len(kept.body),
            "last_modified": int(kept.last_modified.timestamp()),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(facts).encode() + b"\n" + kept.body)
            Path(name).replace(path)
            self._prune(path.parent)
        except OSError as error:
            self._bodies[key] = kept.body
            if not self._complained:
                self._complained = True
                _log.warning("published feeds are kept in memory only", action="publish", reason=str(error))

    def _prune(self, folder: Path) -> None:
        if len(self._dates) < MAX_KEPT:
            return
        files = sorted(folder.glob("*.feed"), key=lambda path: path.stat().st_mtime)
        for path in files[: max(0, len(files) - MAX_KEPT)]:
            path.unlink(missing_ok=True)
