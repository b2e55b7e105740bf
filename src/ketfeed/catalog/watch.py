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
    does anything vanish? ─ yes ─▶ look again until it has stayed so for LOSING and nobody has the file open for writing
       │ no
       ▼
    the new catalog

Names are followed each time (os.stat), so files that are replaced, links that are switched and folders mounted by an
orchestrator are seen like files that are written into. Time is an argument: seconds of any steady clock.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from ketfeed.catalog.load import Loaded, load_marked
from ketfeed.catalog.marks import read_marked
from ketfeed.catalog.schema import FEEDS, TOPICS
from ketfeed.errors import CatalogError
from ketfeed.model import Catalog, Complaint

NAMES = (FEEDS, TOPICS)
SETTLED = 0.3  # seconds without a change before files are read: longer than an editor takes to write one
LOSING = 0.7  # seconds without a change before sources or topics are let go: whoever writes in pieces goes on by then
DOUBTED = 10.0  # seconds a file that looks half written, or that somebody keeps open, is not believed

Seen = tuple[tuple[str, int, int, int, int] | None, ...]
Texts = Mapping[str, bytes | None]  # name → bytes, None: not there


class CatalogWatch:
    """The catalog in force and what is wrong with the files as they are now."""

    def __init__(self, folder: Path) -> None:
        """Read the folder. Raises CatalogError with every error when it cannot be used."""
        self._folder = folder
        self._seen = self._look()
        self._pending_since: float | None = None
        self._read_so_far: tuple[Texts, Loaded] | None = None
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
            self._seen, self._pending_since, self._read_so_far = seen, now, None
            return "waiting"
        if self._pending_since is None:
            return "same"
        age = now - self._pending_since
        if age < SETTLED:
            return "waiting"
        if self._read_so_far is None:
            texts = self._read()
            self._read_so_far = texts, self._judge(texts)
            if self._look() != seen:  # changed while it was read
                return "waiting"
        texts, loaded = self._read_so_far
        patience = self._patience(loaded.catalog, texts)
        if age < patience:
            if patience == DOUBTED:
                self.complaints = self._doubt("half of the file is missing", texts)
            return "waiting"
        if patience and age < DOUBTED and any(is_being_written(self._folder / name) for name in NAMES):
            self.complaints = self._doubt("somebody is still writing the file", texts)
            return "waiting"
        self._pending_since = self._read_so_far = None
        self.complaints = loaded.complaints
        if loaded.catalog is None:
            return "refused"
        self.catalog, self._good = loaded.catalog, texts
        return "taken up"

    def _patience(self, catalog: Catalog | None, texts: Texts) -> float:
        """Seconds without a change before this reading of the files is believed; 0: at once."""
        if catalog is None:
            return 0.0
        before, after = _named(self.catalog), _named(catalog)
        if before.keys() <= after.keys():
            return 0.0
        # a file that ends between two sources may be meant; one that ends within a source or a line is not
        ends_early = any(_is_beginning(texts[name], self._good[name]) for name in NAMES)
        changed = any(before[name] != item for name, item in after.items() if name in before)
        within_line = any(_lacks_last_break(texts[name], self._good[name]) for name in NAMES)
        return DOUBTED if within_line or (ends_early and changed) else LOSING

    def _doubt(self, problem: str, texts: Texts) -> tuple[Complaint, ...]:
        """Why what the files say now is not in force yet."""
        name = next((name for name in NAMES if texts[name] != self._good[name]), FEEDS)
        line = (texts[name] or b"").count(b"\n") + 1
        advice = f"taken up if it stays so for {DOUBTED:g} s"
        return (Complaint(str(self._folder / name), line, 1, "", problem, advice),)

    def _judge(self, texts: Texts) -> Loaded:
        """What files say; only complaints when one is empty, gone or ends in the middle of a line."""
        faults = [fault for name in NAMES if (fault := self._find_unfinished(name, texts[name]))]
        return Loaded(None, tuple(faults)) if faults else self._load(texts)

    def _find_unfinished(self, name: str, text: bytes | None) -> Complaint | None:
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
        if _ends_within_a_line(text, good):
            advice = "write the whole file, with a line break at its end"
            return Complaint(file, line, 1, "", "the file is cut off in the middle of a line", advice)
        return None

    def _load(self, texts: Texts) -> Loaded:
        marked = [
            None if (raw := texts[name]) is None else read_marked(str(self._folder / name), raw) for name in NAMES
        ]
        return load_marked(marked[0], marked[1], self._folder)

    def _read(self) -> Texts:
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


def is_being_written(path: Path) -> bool:
    """Whether anybody has a file open for writing; False also where the system does not tell.

    Linux grants a read lease only on a file that nobody has open for writing (fcntl(2), F_SETLEASE).
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # who opens it just now breaks the lease: SIGIO would end us
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # another user's file, a file system without leases
        return False
    finally:
        os.close(handle)
    return False


def _named(catalog: Catalog) -> dict[tuple[str, str], object]:
    """Everything in a catalog that has a name."""
    return {
        **{("source", one.id): one for one in catalog.sources},
        **{("feed", one.slug): one for one in catalog.feeds},
        **{("topic", one.id): one for one in catalog.rules.topics},
    }


def _is_beginning(text: bytes | None, good: bytes | None) -> bool:
    return bool(text and good and len(text) < len(good) and good.startswith(text))


def _ends_within_a_line(text: bytes, good: bytes) -> bool:
    """Whether the last line is the beginning of one that was there, and has no break."""
    last = text.rpartition(b"\n")[2]
    if not _lacks_last_break(text, good) or last.lstrip().startswith(b"#"):
        return False
    lines = good.splitlines()
    return last.rstrip() not in lines and any(line.startswith(last) for line in lines)


def _lacks_last_break(text: bytes | None, good: bytes | None) -> bool:
    if not text or not good or not good.endswith(b"\n"):
        return False
    return bool(text.rpartition(b"\n")[2].strip())
