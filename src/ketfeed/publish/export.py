"""The whole site as files for any static host: only what changed is written, and a reader never sees half of it.

``read`` answers a path of the site with the bytes a visitor would get. From the first page on every address of our own
that stands in a page or feed is followed, so every link of the export resolves. New files appear before the files that
point to them; what is no longer there is removed last.
"""

from __future__ import annotations

import gzip
import html
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import brotli

from ketfeed.errors import KetfeedError

MANIFEST = ".ketfeed-export.json"
"""Names of the files an export wrote, so that the next one removes only what is its own."""

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

    ``start`` are the paths to begin with; ``step`` is called for each file. Raises ExportFailed, StoreError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _manifest(folder)
        known, order = _collect(read, base_url, start, step)
        written = sum(_write(folder / name, known[name]) for name in order)
        removed = _remove(folder, before - known.keys())
        _replace(folder / MANIFEST, json.dumps({"files": sorted(known)}, indent=0).encode())
    except OSError as error:
        raise ExportFailed(f"{folder}: {error.strerror or error}") from error
    return Exported(written, len(known) - written, removed)


def _collect(
    read: Read, base_url: str, start: Iterable[str], step: Callable[[], None]
) -> tuple[dict[str, bytes], list[str]]:
    """Every file of the site by name, and the names in the order to write them: what is pointed to comes first."""
    waiting = list(dict.fromkeys(start))
    found: dict[str, bytes] = {}
    seen = set(waiting)
    while waiting:
        path = waiting.pop(0)
        body = read(path)
        if body is None:
            continue
        found[file_name(path)] = body
        step()
        for link in links(body, path, base_url):
            if link not in seen:
                seen.add(link)
                waiting.append(link)
    return found, list(reversed(found))


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


def _write(path: Path, body: bytes) -> bool:
    """Write a file and its twins unless they are there already; True when something was written."""
    twins = {}
    if path.suffix in COMPRESSED and len(body) >= COMPRESS_FROM:
        twins = {path.with_name(path.name + ".gz"): "gzip", path.with_name(path.name + ".br"): "br"}
    if path.is_file() and path.read_bytes() == body and all(twin.is_file() for twin in twins):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    for twin, coding in twins.items():
        _replace(twin, gzip.compress(body, 9, mtime=0) if coding == "gzip" else brotli.compress(body, quality=9))
    _replace(path, body)
    return True


def _replace(path: Path, body: bytes) -> None:
    """Atomic: a reader has the file before or the file after."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(name).chmod(0o644)
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
