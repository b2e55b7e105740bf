"""Hot reload: the catalog in force is what the files say, or said when they were last good.

    look ─▶ as before? ─ yes ─▶ nothing
       │ no
       ▼
    settled for SETTLED? ─ no ─▶ look again          a file that is being written is not read
       │ yes
       ▼
    read ─▶ half written, empty, gone, broken? ─ yes ─▶ complaints; the last good catalog stays
       │ no
       ▼
    the new catalog

Names are followed each time (os.stat), so files that are replaced, links that are switched and folders mounted by an
orchestrator are seen like files that are written into. Time is an argument: seconds of any steady clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from ketfeed.catalog.load import FEEDS, TOPICS, Loaded, load_marked
from ketfeed.catalog.marks import read_marked
from ketfeed.errors import CatalogError
from ketfeed.model import Catalog, Complaint

NAMES = (FEEDS, TOPICS)
SETTLED = 0.3  # seconds without a change before files are read: longer than an editor takes to write one
ENDS_EARLY = 10.0  # seconds a file may be the first lines of what it was before we believe that this is meant

Seen = tuple[tuple[str, int, int, int, int] | None, ...]
Texts = Mapping[str, bytes | None]  # name → bytes, None: not there


class CatalogWatch:
    """The catalog in force and what is wrong with the files as they are now."""

    def __init__(self, folder: Path) -> None:
        """Read the folder. Raises CatalogError with every error when it cannot be used."""
        self._folder = folder
        self._seen = self._look()
        self._pending_since: float | None = None
        self._good = self._read()
        loaded = self._load(self._good)
        self.complaints: tuple[Complaint, ...] = loaded.complaints
        if loaded.catalog is None:
            raise CatalogError(loaded.errors)
        self.catalog: Catalog = loaded.catalog

    def refresh(self, now: float) -> Literal["same", "waiting", "refused", "taken up"]:
        """Look at the files; call it a few times a second.

        taken up: ``catalog`` is what the files say now (perhaps equal to what it was); refused: ``complaints`` say
        why the last good one stays; waiting: somebody is writing; same: nothing to do.
        """
        seen = self._look()
        if seen != self._seen:
            self._seen, self._pending_since = seen, now
            return "waiting"
        if self._pending_since is None:
            return "same"
        age = now - self._pending_since
        if age < SETTLED:
            return "waiting"
        texts = self._read()
        if self._look() != seen:  # changed while it was read
            return "waiting"
        refusal = [complaint for name in NAMES if (complaint := self._find_unfinished(name, texts[name], age))]
        if refusal:
            self.complaints = tuple(refusal)
            if age < ENDS_EARLY and any(_ends_early(self._good[name], texts[name]) for name in NAMES):
                return "waiting"
            self._pending_since = None
            return "refused"
        self._pending_since = None
        loaded = self._load(texts)
        self.complaints = loaded.complaints
        if loaded.catalog is None:
            return "refused"
        self.catalog, self._good = loaded.catalog, texts
        return "taken up"

    def _find_unfinished(self, name: str, text: bytes | None, age: float) -> Complaint | None:
        """What says that a file is not finished, compared with what it was when it was last good."""
        good = self._good[name]
        file = str(self._folder / name)
        if not good or not good.strip() or text == good:
            return None
        if text is None:
            return Complaint(file, 1, 1, "", "the file is gone", "put it back: the last good one stays in force")
        if not text.strip():
            return Complaint(file, 1, 1, "", "the file is empty", "put it back: the last good one stays in force")
        line = text.count(b"\n") + 1
        if good.startswith(text) and not _only_comments(good[len(text) :]) and not text.endswith(b"\n"):
            return Complaint(file, line, 1, "", "the file is cut off in the middle of a line", "write the whole file")
        if _ends_early(good, text) and age < ENDS_EARLY:
            advice = f"taken up if it stays so for {ENDS_EARLY:g} s"
            return Complaint(file, line, 1, "", "the file is the first lines of what it was: half written?", advice)
        return None

    def _load(self, texts: Texts) -> Loaded:
        marked = [
            None if (raw := texts[name]) is None else read_marked(str(self._folder / name), raw) for name in NAMES
        ]
        return load_marked(marked[0], marked[1], self._folder)

    def _read(self) -> dict[str, bytes | None]:
        found: dict[str, bytes | None] = dict.fromkeys(NAMES)
        for name in NAMES:
            with suppress(OSError):
                found[name] = (self._folder / name).read_bytes()
        return found

    def _look(self) -> Seen:
        """Device, inode, size and times of each file: replaced files differ as those that are written into."""
        looked: list[tuple[str, int, int, int, int] | None] = []
        for name in NAMES:
            try:
                stat = (self._folder / name).stat()
            except OSError:
                looked.append(None)
                continue
            looked.append((f"{stat.st_dev}", stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        return tuple(looked)


def _ends_early(good: bytes | None, text: bytes | None) -> bool:
    """Whether a text is whole first lines of the good one and what is missing says something."""
    if not good or not text or not good.startswith(text) or not text.endswith(b"\n"):
        return False
    return not _only_comments(good[len(text) :])


def _only_comments(text: bytes) -> bool:
    return all(not line.strip() or line.lstrip().startswith(b"#") for line in text.splitlines())
