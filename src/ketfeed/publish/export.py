"""The whole site as files for any static host: only what changed is written, and a reader never sees half of it.

``read`` answers a path of the site with the bytes a visitor would get. From the first page on every address of our own
that stands in a page or feed is followed, so every link of the export resolves. New files appear before the files that
point to them; what is no longer there is removed last.
"""

from __future__ import annotations

import fcntl
import gzip
import html
import json
import os
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import brotli

from ketfeed.errors import KetfeedError

MANIFEST = ".ketfeed-export.json"
"""Names of the files an export wrote, so that the next one removes only what is its own."""

LOCK = ".ketfeed-export.lock"
STAGING = ".ketfeed-part-"

COMPRESSED = frozenset({".html", ".xml", ".rss", ".atom", ".json", ".opml", ".css", ".txt", ""})
COMPRESS_FROM = 512  # bytes; a smaller file gains nothing
_LINK = re.compile(r"""(?:href|src)\s*=\s*["']([^"'<>\s]+)["']""")

Read = Callable[[str], bytes | None]


class ExportFailed(KetfeedError):
    """The folder cannot be written, or is not an export's."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did, in files, precompressed twins left out."""

    written: int
    unchanged: int
    removed: int


def export(read: Read, folder: Path, base_url: str, start: Iterable[str], step: Callable[[], None]) -> Exported:
    """Write the site below ``base_url`` into ``folder``.

    What changed is first written beside it and then moved into place, so the moment in which files of two exports stand
    side by side is as short as the renaming. ``start`` are the paths to begin with; ``step`` is called for each file.
    Raises ExportFailed, StoreError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(folder):
            before = _manifest(folder)
            for rest in folder.glob(f"{STAGING}*"):
                shutil.rmtree(rest)  # of an export that was ended
            staging = Path(tempfile.mkdtemp(dir=folder, prefix=STAGING))
            try:
                names, changed = _stage(read, folder, staging, base_url, start, step)
                for name in reversed(changed):  # what is pointed to was found later and appears first
                    _move(staging, folder, name)
            finally:
                shutil.rmtree(staging)
            removed = _remove(folder, before - names)
            replace_file(folder / MANIFEST, json.dumps({"files": sorted(names)}, indent=0).encode())
    except OSError as error:
        raise ExportFailed(f"{folder}: {error.strerror or error}") from error
    return Exported(len(changed), len(names) - len(changed), removed)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ExportFailed(f"{folder}: another export is writing into this folder") from error
        yield


def _stage(
    read: Read, folder: Path, staging: Path, base_url: str, start: Iterable[str], step: Callable[[], None]
) -> tuple[set[str], list[str]]:
    """Read the whole site; write what differs from ``folder`` into ``staging``.

    Returns the names of all files, and of those staged in the order in which they were found.
    """
    waiting = deque(dict.fromkeys(start))
    seen = set(waiting)
    names: set[str] = set()
    changed: list[str] = []
    while waiting:
        path = waiting.popleft()
        body = read(path)
        if body is None:
            continue
        name = file_name(path)
        names.add(name)
        if _differs(folder / name, body):
            _write(staging / name, body)
            changed.append(name)
        step()
        fresh = [link for link in links(body, path, base_url) if link not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return names, changed


def file_name(path: str) -> str:
    """The file of a path: "/topics/ptsd/" → "topics/ptsd/index.html"."""
    name = unquote(path).lstrip("/")
    if not name or name.endswith("/"):
        name += "index.html"
    parts = PurePosixPath(name).parts
    if any(part in ("..", ".") or part.startswith(".") for part in parts):
        raise ExportFailed(f"{path}: not a file of the site")
    return name


def links(body: bytes, path: str, base_url: str) -> list[str]:
    """Paths of our own that a page or feed points to; addresses with a query answer on a live site only."""
    text = body.decode("utf-8", errors="replace")
    prefix = urlsplit(base_url).path.rstrip("/")
    found: dict[str, None] = {}
    if path.endswith(("/", ".html")):
        for address in map(html.unescape, _LINK.findall(text)):
            if address.startswith("/") and not address.startswith("//") and address.startswith(prefix + "/"):
                found[address.removeprefix(prefix)] = None
    for address in re.findall(re.escape(base_url) + r"(/[^\s\"'<>&\\)]*)", text):
        found[address] = None
    return [one.partition("#")[0] for one in found if "?" not in one]


# ---------------------------------------------------------------- files


def _manifest(folder: Path) -> set[str]:
    try:
        return set(json.loads((folder / MANIFEST).read_text())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _twins(path: Path, size: int) -> list[Path]:
    """The precompressed files beside one; hosts serve them to clients that take gzip or Brotli."""
    if path.suffix not in COMPRESSED or size < COMPRESS_FROM:
        return []
    return [path.with_name(f"{path.name}.gz"), path.with_name(f"{path.name}.br")]


def _differs(path: Path, body: bytes) -> bool:
    same = path.is_file() and path.stat().st_size == len(body) and path.read_bytes() == body
    return not same or not all(twin.is_file() for twin in _twins(path, len(body)))


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    for twin in _twins(path, len(body)):
        twin.write_bytes(gzip.compress(body, 9, mtime=0) if twin.suffix == ".gz" else brotli.compress(body, quality=9))


def _move(staging: Path, folder: Path, name: str) -> None:
    """Put a file and its twins in place, each in one step."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for ending in (".gz", ".br", ""):
        fresh = staging / (name + ending)
        if fresh.is_file():
            fresh.replace(folder / (name + ending))
        elif ending:
            (folder / (name + ending)).unlink(missing_ok=True)  # the file has become too small for a twin


def replace_file(path: Path, body: bytes, mode: int = 0o644) -> None:
    """Atomic: a reader has the file before or the file after. Raises OSError, the file is then as it was."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _remove(folder: Path, names: Iterable[str]) -> int:
    removed = 0
    for name in names:
        path = folder / file_name(name)
        removed += path.is_file()
        for gone in (path, path.with_name(path.name + ".gz"), path.with_name(path.name + ".br")):
            gone.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == folder or folder not in parent.parents or any(parent.iterdir()):
                break
            parent.rmdir()
    return removed
