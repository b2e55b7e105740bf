"""feeds.yaml on disk: read as it is, replaced only if nobody changed it meanwhile, all of it or nothing."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

from ketfeed.catalog.load import load_marked
from ketfeed.catalog.marks import Marked, read_marked
from ketfeed.errors import CatalogError, UsageError


class FileChanged(UsageError):
    """Somebody else changed the file between reading and writing; nothing was written."""


def read_text(path: Path) -> tuple[bytes, str]:
    """The bytes of a file as they are, and its text without a byte order mark. Raises UsageError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return raw, raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8: save the file as UTF-8") from error


def write_file(path: Path, before: bytes, after: str, topics: Path | None = None) -> None:
    """Replace a file whose bytes are still ``before``; all of it or nothing. A link stays a link.

    ``topics`` is the topics.yaml the new text is checked with. Raises FileChanged when somebody was faster,
    CatalogError when the new text has an error the old one had not, UsageError when it cannot be written.
    """
    mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
    raw = mark + after.encode("utf-8")
    _refuse_new_errors(path, before, raw, topics)
    target = path.resolve()
    try:
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # two of us cannot both find the file unchanged
            if target.read_bytes() != before:
                raise FileChanged(f"{path}: somebody else changed the file meanwhile: nothing was written, try again")
            _replace(target, raw)
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); it is as it was") from error


def _replace(target: Path, raw: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(target.stat().st_mode & 0o7777)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _refuse_new_errors(path: Path, before: bytes, after: bytes, topics: Path | None) -> None:
    def marked() -> Marked | None:
        return read_marked(str(topics), topics.read_bytes()) if topics is not None and topics.exists() else None

    old = {(one.key, one.problem) for one in load_marked(read_marked(str(path), before), marked()).errors}
    errors = load_marked(read_marked(str(path), after), marked()).errors
    fresh = [one for one in errors if (one.key, one.problem) not in old and one.file == str(path)]
    if fresh:
        raise CatalogError(fresh)
